//! The table of what the emulator covers, in its documentation.

use std::path::Path;

use twilio_sync::emulator::Operation;

#[test]
fn every_operation_has_a_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/emulator.md");
    let Ok(text) = std::fs::read_to_string(&path) else {
        // The packaged crate does not have the documentation's folder.
        assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists());
        return;
    };
    for operation in Operation::all() {
        let cell = format!("| `{operation}` |");
        let rows: Vec<&str> = text.lines().filter(|line| line.contains(&cell)).collect();
        let [row] = rows[..] else {
            panic!("{operation} has {} rows", rows.len());
        };
        let marked = ["documented", "inferred", "not done"]
            .iter()
            .any(|mark| row.contains(mark));
        assert!(marked, "{row}");
    }
}
