//! Generates the low-level client from the API description in `openapi/`, and for the program a table
//! of the operations.

#[path = "build/operations.rs"]
mod operations;

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
    let text = fs::read_to_string(DESCRIPTION)?;
    let description = serde_json::from_str(&text)?;

    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_hooks(HooksMode::Expected)
        .with_inner_type(quote::quote!(crate::transport::Transport))
        .with_map_type("::std::collections::BTreeMap");
    // Only for those who ask for it: the derives of all types take their time to build.
    if env::var_os("CARGO_FEATURE_SCHEMA").is_some() {
        settings.with_derive("schemars::JsonSchema");
    }
    for (component, handwritten) in HANDWRITTEN {
        settings.with_replacement(component, handwritten, [TypeImpl::Display].into_iter());
    }
    let tokens = Generator::new(&settings).generate_tokens(&description)?;
    let mut code = syn::parse_str(&adapted(&tokens.to_string()))?;
    open_responses(&mut code);
    let code = prettyplease::unparse(&code);
    let folder = env::var("OUT_DIR")?;
    let folder = Path::new(&folder);
    if env::var_os("CARGO_FEATURE_CLI").is_some() {
        let table = operations::table(&serde_json::from_str(&text)?, &code)?;
        fs::write(folder.join("operations.rs"), table)?;
    }
    fs::write(folder.join("api.rs"), code)?;
    Ok(())
}

/// What progenitor writes and what stands in its place, as the text of the tokens.
const ADAPTED: &[(&str, &str)] = &[
    // progenitor leaves `\` as it is in a path, and a URL parser reads it as `/`. It also makes a
    // text of each part first.
    ("encode_path (", "crate :: names :: path_segment ("),
    // The base of all addresses has been parsed once, host and all.
    (
        "let url = format ! (",
        "let url = crate :: transport :: address ! (self ,",
    ),
    // The transport has read the body already. progenitor would read it again from a response made
    // anew, copy its headers, and of a refusal lose the status if the body is not what is described.
    (
        "Error :: ErrorResponse (ResponseValue :: from_response (response) . await ?)",
        "crate :: transport :: refused (response)",
    ),
    (
        "ResponseValue :: from_response (response) . await",
        "crate :: transport :: decoded (response)",
    ),
    (
        "ResponseValue :: empty (response)",
        "crate :: transport :: empty (response)",
    ),
    (
        "Error :: UnexpectedResponse (response)",
        "crate :: transport :: unexpected (response)",
    ),
    // Twilio knows no such header.
    (
        "header_map . append (:: reqwest :: header :: HeaderName :: from_static (\"api-version\") , \
         :: reqwest :: header :: HeaderValue :: from_static (Self :: api_version ()) ,) ;",
        "",
    ),
    // The HTTP client has it for all requests.
    (
        ". header (:: reqwest :: header :: ACCEPT , \
         :: reqwest :: header :: HeaderValue :: from_static (\"application/json\" ,) ,)",
        "",
    ),
    // Few calls have a header of their own.
    (
        "let mut header_map = :: reqwest :: header :: HeaderMap :: with_capacity (1usize) ;",
        "let header_map = :: reqwest :: header :: HeaderMap :: new () ;",
    ),
    ("HeaderMap :: with_capacity (2usize)", "HeaderMap :: new ()"),
    // A member that may be null is always written, but its absence is no reason to refuse a
    // response.
    (
        "deserialize_with = \"::std::option::Option::deserialize\"",
        "default",
    ),
];

/// The generated code with what this crate does in another way.
fn adapted(code: &str) -> String {
    let mut code = code.to_owned();
    for (from, to) in ADAPTED {
        assert!(
            code.contains(from),
            "progenitor no longer writes `{from}`; see build.rs"
        );
        code = code.replace(from, to);
    }
    let segment = "path_segment (& ";
    let mut parts = code.split(segment);
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part
            .split_once(" . to_string ())")
            .expect("progenitor no longer makes texts of the parts of a path; see build.rs");
        code.push_str(segment);
        code.push_str(name);
        code.push(')');
        code.push_str(rest);
    }
    code
}

/// Marks the types of responses as open to more members, which the service may add at any time.
fn open_responses(code: &mut syn::File) {
    let modules = code.items.iter_mut().filter_map(|item| match item {
        syn::Item::Mod(module) => module.content.as_mut(),
        _ => None,
    });
    for item in modules.flat_map(|(_, items)| items) {
        if let syn::Item::Struct(item) = item
            && !item.ident.to_string().ends_with("Request")
        {
            item.attrs.push(syn::parse_quote!(#[non_exhaustive]));
        }
    }
}
