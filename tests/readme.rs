//! Each Rust block of README.md is the text of an example: of a whole file of `examples/`, or of a
//! region between the lines `// README: NAME` and `// end` of one. So it compiles as it stands there.

use std::fs;
use std::path::Path;

/// A text that a block of the README may have.
struct Source {
    name: String,
    text: String,
}

/// A fenced block of the README.
struct Block {
    language: String,
    /// The number of its first line.
    line: usize,
    text: String,
}

impl Block {
    fn name(&self) -> String {
        let first = self.text.lines().find(|line| !line.trim().is_empty());
        format!(
            "the Rust block at line {} of README.md, which begins with `{}`,",
            self.line,
            first.unwrap_or_default()
        )
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks between lines of three backticks.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let text = lines.by_ref().map(|(line, _)| line);
            let text = text.take_while(|line| !line.trim_start().starts_with("```"));
            blocks.push(Block {
                language: language.to_owned(),
                line: number + 1,
                text: text.collect::<Vec<_>>().join("\n").trim().to_owned(),
            });
        }
    }
    blocks
}

/// The regions of an example, and all of it.
fn sources(file: &str, example: &str) -> Vec<Source> {
    let mut sources = vec![Source {
        name: file.to_owned(),
        text: example.trim().to_owned(),
    }];
    let mut lines = example.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("// README: ") {
            let text: Vec<_> = lines
                .by_ref()
                .take_while(|line| *line != "// end")
                .collect();
            sources.push(Source {
                name: format!("{file}, {name}"),
                text: text.join("\n").trim().to_owned(),
            });
        }
    }
    sources
}

/// How many lines two texts have in common at their beginnings.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.lines().zip(other.lines());
    pairs.take_while(|(one, other)| one == other).count()
}

#[test]
fn each_rust_block_is_the_text_of_an_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources_of_all = Vec::new();
    for entry in fs::read_dir(root.join("examples")).expect("the examples can be listed") {
        let path = entry.expect("the examples can be listed").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            sources_of_all.extend(sources(&file, &read(&path)));
        }
    }
    let blocks = blocks(&read(&root.join("README.md")));
    let is_rust = |block: &&Block| block.language.starts_with("rust");
    let blocks: Vec<_> = blocks.iter().filter(is_rust).collect();
    assert!(!blocks.is_empty(), "README.md has no Rust block");

    let mut failures = Vec::new();
    for block in &blocks {
        if block.language != "rust" {
            failures.push(format!("{} is marked `{}`", block.name(), block.language));
        }
        if sources_of_all
            .iter()
            .any(|source| source.text == block.text)
        {
            continue;
        }
        let nearest = sources_of_all
            .iter()
            .max_by_key(|source| common(&source.text, &block.text))
            .expect("there are examples");
        let at = common(&nearest.text, &block.text);
        failures.push(format!(
            "{} is not the text of an example. The nearest is {}; it differs in line {}:\n  README:  \
             {}\n  example: {}",
            block.name(),
            nearest.name,
            at + 1,
            block.text.lines().nth(at).unwrap_or("(its end)"),
            nearest.text.lines().nth(at).unwrap_or("(its end)"),
        ));
    }
    for source in &sources_of_all {
        let is_region = source.name.contains(", ");
        if is_region && !blocks.iter().any(|block| block.text == source.text) {
            failures.push(format!("{} is not in README.md", source.name));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
