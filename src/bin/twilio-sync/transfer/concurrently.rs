//! Many writes, some at a time.

use futures_util::{StreamExt, stream::FuturesUnordered};

/// How many are under way at a time. The service allows 20 a second to one object.
pub(crate) const CONCURRENCY: usize = 8;

/// Runs jobs, each with what it is known by, so many at a time. After a failure nothing more is begun,
/// and what is under way is finished; of several failures the first, by what they are known by, is told.
pub(crate) async fn run<K: Ord, T, E>(
    jobs: impl IntoIterator<Item: Future<Output = (K, Result<T, E>)>>,
    concurrency: usize,
    mut done: impl FnMut(T),
) -> Result<(), (K, E)> {
    let mut jobs = jobs.into_iter();
    let mut running = FuturesUnordered::new();
    let mut failure: Option<(K, E)> = None;
    loop {
        while failure.is_none()
            && running.len() < concurrency
            && let Some(job) = jobs.next()
        {
            running.push(job);
        }
        match running.next().await {
            None => return failure.map_or(Ok(()), Err),
            Some((_, Ok(result))) => done(result),
            Some((key, Err(error))) => {
                if failure.as_ref().is_none_or(|(first, _)| key < *first) {
                    failure = Some((key, error));
                }
            }
        }
    }
}
