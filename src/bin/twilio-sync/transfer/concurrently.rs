//! Concurrent jobs, a limited number at a time.

use futures_util::{StreamExt, stream::FuturesUnordered};

/// How many writes run at a time. The service allows 20 a second to one object.
pub(crate) const CONCURRENCY: usize = 8;

/// Runs jobs, each of which yields its key with its result. After a failure no more jobs are started, and
/// the running ones are finished. If several fail, the failure with the lowest key is returned.
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
