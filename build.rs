//! Generates the low-level client from the API description in `openapi/`.

use std::{env, error::Error, fs, path::Path};

use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl};

const DESCRIPTION: &str = "openapi/twilio_sync_v1.json";

/// Components of the description that handwritten types stand for, because they check what a user
/// makes of them, or are lenient about what the service sends.
const HANDWRITTEN: &[(&str, &str)] = &[
    ("AccountSid", "crate::sids::AccountSid"),
    ("ServiceSid", "crate::sids::ServiceSid"),
    ("DocumentSid", "crate::sids::DocumentSid"),
    ("ListSid", "crate::sids::ListSid"),
    ("MapSid", "crate::sids::MapSid"),
    ("StreamSid", "crate::sids::StreamSid"),
    ("StreamMessageSid", "crate::sids::StreamMessageSid"),
    ("ServiceReference", "crate::names::ServiceReference"),
    ("ObjectReference", "crate::names::ObjectReference"),
    ("UniqueName", "crate::names::UniqueName"),
    ("ItemKey", "crate::names::ItemKey"),
    ("Identity", "crate::names::Identity"),
    ("Revision", "crate::revision::Revision"),
    ("Data", "crate::data::Data"),
    ("ErrorBody", "crate::error::ErrorBody"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DESCRIPTION}");
    let description = serde_json::from_str(&fs::read_to_string(DESCRIPTION)?)?;

    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_hooks(HooksMode::Expected)
        .with_inner_type(quote::quote!(crate::transport::Transport))
        .with_map_type("::std::collections::BTreeMap")
        .with_derive("schemars::JsonSchema");
    for (component, handwritten) in HANDWRITTEN {
        settings.with_replacement(component, handwritten, [TypeImpl::Display].into_iter());
    }
    let tokens = Generator::new(&settings).generate_tokens(&description)?;
    let code = prettyplease::unparse(&syn::parse2(tokens)?)
        // progenitor leaves `\` as it is in a path, and a URL parser reads it as `/`.
        .replace("encode_path(", "crate::names::path_segment(")
        // A member that may be null is always written, but its absence is no reason to refuse a response.
        .replace(
            r#"deserialize_with = "::std::option::Option::deserialize""#,
            "default",
        );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("api.rs"), code)?;
    Ok(())
}
