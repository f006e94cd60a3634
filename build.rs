//! Generates the low-level API from the description in `openapi/`: progenitor's types, the table of
//! the operations, and a method for each that builds its call.

#[path = "build/client.rs"]
mod client;
#[path = "build/description.rs"]
mod description;
#[path = "build/operations.rs"]
mod operations;

use std::{env, error::Error, fs, path::Path};

use progenitor::{GenerationSettings, Generator, InterfaceStyle, TypeImpl};

use description::Description;

const DESCRIPTION: &str = "openapi/twilio_sync_v1.json";

/// Components of the description that types of `crate::value` stand for, because they check what a
/// user makes of them, or are lenient about what the service sends.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "AccountSid", "ServiceSid", "DocumentSid", "ListSid", "MapSid", "StreamSid", "StreamMessageSid",
    "ServiceReference", "ObjectReference", "UniqueName", "ItemKey", "Identity", "Revision", "Data",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DESCRIPTION}");
    println!("cargo::rerun-if-changed=build");
    let description = Description::parse(&fs::read_to_string(DESCRIPTION)?)?;

    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_map_type("::std::collections::BTreeMap");
    // Only for those who ask for it: the derives of all types take their time to build.
    if env::var_os("CARGO_FEATURE_SCHEMA").is_some() {
        settings.with_derive("schemars::JsonSchema");
    }
    let mut replace = |component: &str, handwritten: &str| {
        settings.with_replacement(component, handwritten, [TypeImpl::Display].into_iter());
    };
    for component in VALUES {
        replace(component, &format!("crate::value::{component}"));
    }
    replace("ErrorBody", "crate::error::ErrorBody");
    let lenient = serde_json::from_value(description.lenient())?;
    let generated = syn::parse2(Generator::new(&settings).generate_tokens(&lenient)?)?;

    let operations = description.operations()?;
    let client = client::client(generated, &operations)?;
    let folder = env::var("OUT_DIR")?;
    let write = |file: &str, code: String| fs::write(Path::new(&folder).join(file), code);
    write("client.rs", prettyplease::unparse(&client))?;
    write("operations.rs", operations::table(&operations))?;
    Ok(())
}
