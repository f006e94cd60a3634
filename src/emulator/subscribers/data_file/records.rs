//! The records that events change: written to the table, and read back as the state.

use redb::{ReadableTable, Table};
use serde::Serialize;

use super::Unusable;
use crate::emulator::store::{
    Change, Event, GrantRecord, ItemRecord, ItemState, Millis, ObjectRecord, ObjectState,
    RecordKey, RemovalRecord, ServiceRecord, State, Subject,
};

/// The records by their keys.
pub(super) struct Records<'t>(pub(super) Table<'t, &'static [u8], &'static [u8]>);

impl Records<'_> {
    /// Reads the state.
    pub(super) fn read(&self, now: Millis) -> Result<State, Unusable> {
        let mut state = State::default();
        for entry in self.0.iter().map_err(Unusable::new)? {
            let (key, record) = entry.map_err(Unusable::new)?;
            state.restore(key.value(), record.value(), now)?;
        }
        Ok(state)
    }

    /// Makes the change of an event.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), Unusable> {
        match &event.subject {
            Subject::Service(change, seq) => {
                let key = RecordKey::service(*seq);
                if *change == Change::Removed {
                    return self.remove_all(&key);
                }
                self.put(&key, &ServiceRecord::from(&*event.service))?;
                self.reserve(*change, *seq)
            }
            Subject::Object(change, object) => {
                if *change == Change::Removed {
                    return self.remove_all(&RecordKey::object(object.kind(), object.place));
                }
                self.put_object(object)?;
                self.reserve(*change, object.place.object)
            }
            Subject::Item(change, state) => {
                let collection = &state.collection;
                let key = RecordKey::item(collection.kind(), collection.place, &state.name);
                self.put_unless_removed(*change, &key, || ItemRecord::from(&state.item))?;
                self.note_removal(*change, state)?;
                self.put_object(collection)
            }
            Subject::Permission(change, state) => {
                let (kind, place) = (state.object.kind(), state.object.place);
                let key = RecordKey::grant(kind, place, &state.identity);
                self.put_unless_removed(*change, &key, || GrantRecord::from(state.grant))
            }
            // Neither is stored.
            Subject::Message { .. } | Subject::Endpoint { .. } => Ok(()),
        }
    }

    /// Puts the removal of an item, in place of one that is dropped for it.
    fn note_removal(&mut self, change: Change, state: &ItemState) -> Result<(), Unusable> {
        if change != Change::Removed {
            return Ok(());
        }
        let collection = &state.collection;
        let key = |name| RecordKey::removal(collection.kind(), collection.place, name);
        if let Some(record) = RemovalRecord::new(state) {
            self.put(&key(&state.name), &record)?;
        }
        if let Some(forgotten) = &state.forgotten {
            self.remove(&key(forgotten))?;
        }
        Ok(())
    }

    /// Makes all later places come after that of a record that was created.
    fn reserve(&mut self, change: Change, seq: u64) -> Result<(), Unusable> {
        match change {
            Change::Created => self.put(&RecordKey::next(), &(seq + 1)),
            _ => Ok(()),
        }
    }

    /// Puts an object without its items and permissions, which have keys of their own.
    fn put_object(&mut self, object: &ObjectState) -> Result<(), Unusable> {
        let key = RecordKey::object(object.kind(), object.place);
        self.put(&key, &ObjectRecord::from(object.clone()))
    }

    fn put_unless_removed<R: Serialize>(
        &mut self,
        change: Change,
        key: &RecordKey,
        record: impl FnOnce() -> R,
    ) -> Result<(), Unusable> {
        if change == Change::Removed {
            return self.remove(key);
        }
        self.put(key, &record())
    }

    fn remove(&mut self, key: &RecordKey) -> Result<(), Unusable> {
        self.0.remove(key.as_bytes()).map_err(Unusable::new)?;
        Ok(())
    }

    fn put(&mut self, key: &RecordKey, record: &impl Serialize) -> Result<(), Unusable> {
        // No record has anything that can fail to serialise.
        let json = serde_json::to_vec(record).unwrap_or_default();
        self.0
            .insert(key.as_bytes(), json.as_slice())
            .map_err(Unusable::new)?;
        Ok(())
    }

    /// Removes all records whose keys begin with this one.
    fn remove_all(&mut self, key: &RecordKey) -> Result<(), Unusable> {
        let first = key.as_bytes();
        match beyond(first) {
            Some(beyond) => self.0.retain_in(first..beyond.as_slice(), |_, _| false),
            None => self.0.retain_in(first.., |_, _| false),
        }
        .map_err(Unusable::new)
    }
}

/// The first key after all those that begin with `prefix`; none if no key comes after them.
fn beyond(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut beyond = prefix.get(..=end)?.to_vec();
    let last = beyond.last_mut()?;
    *last += 1;
    Some(beyond)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock, Mutex};

    use proptest::prelude::*;
    use redb::Database;
    use redb::backends::InMemoryBackend;

    use super::super::RECORDS;
    use super::*;
    use crate::emulator::store::tests::steps::{run, step};
    use crate::emulator::store::tests::store_with;
    use crate::emulator::store::{Actor, Cause, ServiceState, Subscriber};

    /// A database for all cases, as it takes long to create one.
    static DATABASE: LazyLock<Database> = LazyLock::new(|| {
        let backend = InMemoryBackend::new();
        Database::builder().create_with_backend(backend).unwrap()
    });

    /// All events so far.
    #[derive(Default)]
    struct Log(Mutex<Vec<Arc<Event>>>);

    impl Subscriber for Log {
        fn wants(&self, _: &ServiceState, _: &Actor, _: Cause) -> bool {
            true
        }

        fn receive(&self, events: &[Arc<Event>]) {
            self.0.lock().unwrap().extend_from_slice(events);
        }
    }

    proptest! {
        #[test]
        fn the_records_are_the_state(steps in prop::collection::vec(step(), 0..60)) {
            let log = Arc::new(Log::default());
            let store = store_with(vec![log.clone()]);
            let first = store.inspect(|state| state.default_service_event(Change::Created));
            for step in steps {
                run(&store, step);
            }

            // It is never committed, so each case starts with an empty table.
            let transaction = DATABASE.begin_write().unwrap();
            let mut records = Records(transaction.open_table(RECORDS).unwrap());
            records.apply(&first.unwrap()).unwrap();
            for event in &*log.0.lock().unwrap() {
                records.apply(event).unwrap();
            }
            let restored = records.read(0).unwrap();
            let json = |state: &State| serde_json::to_value(state.dump()).unwrap();
            store.inspect(|state| {
                prop_assert_eq!(json(state), json(&restored));
                prop_assert_eq!(state.deadline_count(), restored.deadline_count());
                prop_assert_eq!(state.next_place(), restored.next_place());
                Ok(())
            })?;
        }
    }

    #[test]
    fn prefixes_end_before_the_next() {
        assert_eq!(beyond(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(beyond(&[1, 255, 255]), Some(vec![2]));
        assert_eq!(beyond(&[255]), None);
        assert_eq!(beyond(&[]), None);
    }
}
