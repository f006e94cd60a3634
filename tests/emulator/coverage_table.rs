//! The table of operations in the documentation of the emulator.

use std::path::Path;

use twilio_sync::emulator::Operation;

#[test]
fn every_operation_has_a_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/emulator.md");
    let text = std::fs::read_to_string(&path).expect("the documentation of the emulator");
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
