//! Records of one kind, by SID, by unique name and in the order of creation.

use std::collections::{BTreeMap, HashMap};

use super::sid::{Id, Kind, Sid, is_sid_shaped};

/// A record's place in the order of creation: never used twice.
pub(crate) type Seq = u64;

/// A record of a [`Registry`].
pub(crate) trait Record {
    fn id(&self) -> Id;
    fn unique_name(&self) -> Option<&str>;
}

#[derive(Debug)]
pub(crate) struct Registry<R> {
    records: BTreeMap<Seq, R>,
    by_id: HashMap<Id, Seq>,
    by_name: HashMap<Box<str>, Seq>,
}

impl<R> Default for Registry<R> {
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
        }
    }
}

impl<R: Record> Registry<R> {
    /// The place of the record with this SID or unique name.
    ///
    /// Text of a SID's shape is a SID and nothing else, as no unique name may
    /// have that shape.
    pub(super) fn find(&self, kind: Kind, reference: &str) -> Option<Seq> {
        if is_sid_shaped(reference) {
            let sid = Sid::parse(kind, reference)?;
            self.by_id.get(&sid.id).copied()
        } else {
            self.by_name.get(reference).copied()
        }
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&self, seq: Seq) -> Option<&R> {
        self.records.get(&seq)
    }

    pub(super) fn get_mut(&mut self, seq: Seq) -> Option<&mut R> {
        self.records.get_mut(&seq)
    }

    pub(super) fn has_id(&self, id: Id) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Adds a record at a place of its own; its unique name and its SID must be free.
    pub(super) fn insert(&mut self, seq: Seq, record: R) {
        self.by_id.insert(record.id(), seq);
        if let Some(name) = record.unique_name() {
            self.by_name.insert(name.into(), seq);
        }
        self.records.insert(seq, record);
    }

    /// Removes a record; its unique name is free again.
    pub(super) fn remove(&mut self, seq: Seq) -> Option<R> {
        let record = self.records.remove(&seq)?;
        self.by_id.remove(&record.id());
        if let Some(name) = record.unique_name() {
            self.by_name.remove(name);
        }
        Some(record)
    }

    /// All records in the order of creation.
    pub(super) fn records(&self) -> &BTreeMap<Seq, R> {
        &self.records
    }
}
