//! Generates the low-level client from the API description in `openapi/`, and for the program a table
//! of the operations.

#[path = "build/operations.rs"]
mod operations;

use std::{env, error::Error, fs, path::Path};

use progenitor::{GenerationSettings, Generator, InterfaceStyle, TypeImpl};

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
    undecoded(&mut code)?;
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
    // In place of its hooks: what puts a request together is kept, to do it again, and not a copy of
    // each request.
    (
        "# [allow (unused_mut)] let mut request = self",
        "let request = self",
    ),
    (
        "let info = OperationInfo {",
        "Ok (request) } ; let info = OperationInfo {",
    ),
    (
        "self . pre (& mut request , & info) . await ? ; \
         let result = self . exec (request , & info) . await ; \
         self . post (& result , & info) . await ? ; \
         let response = result ? ;",
        "let response = \
         crate :: transport :: exchange (self , & request , info . operation_id) . await ? ;",
    ),
    // The transport has read the body already. progenitor would read it again from a response made
    // anew, copy its headers, and of a refusal lose the status if the body is not what is described.
    (
        "Error :: ErrorResponse (ResponseValue :: from_response (response) . await ?)",
        "crate :: answer :: refused (response)",
    ),
    (
        "ResponseValue :: from_response (response) . await",
        "crate :: answer :: decoded (response)",
    ),
    (
        "ResponseValue :: empty (response)",
        "crate :: answer :: empty (response)",
    ),
    (
        "Error :: UnexpectedResponse (response)",
        "crate :: answer :: unexpected (response)",
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
    // The only header was one of those that are gone.
    code = each(
        &code,
        "let mut header_map = :: reqwest :: header :: HeaderMap :: with_capacity (1usize) ;",
        |rest| rest.replacen(". headers (header_map)", "", 1),
    );
    let code = each(
        &code,
        "let mut header_map = :: reqwest :: header :: HeaderMap :: with_capacity (2usize) ;",
        conditional,
    );
    let code = each(&code, "let url = format ! (", addressed);
    for rest in REPLACED {
        assert!(
            !code.contains(rest),
            "progenitor writes `{rest}` in another way too; see build.rs"
        );
    }
    code
}

/// What nothing must be left of.
const REPLACED: &[&str] = &[
    "from_response (",
    "self . exec (",
    "self . pre (",
    "encode_path (&",
    "header_map",
];

/// Adds the header that makes a write conditional to the request, and not by way of a map, for few calls
/// have it.
fn conditional(rest: &str) -> String {
    let (add, rest) = rest
        .split_once("let request = self")
        .expect("progenitor no longer writes headers as it did; see build.rs");
    let add = add.replace("header_map . append", "request . headers_mut () . append");
    let rest = rest.replacen(". headers (header_map)", "", 1);
    let (build, rest) = rest
        .split_once("Ok (request)")
        .expect("a request is no longer put together as build.rs has it");
    format!("let mut request = self {build} {add} Ok (request) {rest}")
}

/// Rewrites all that stands behind a text, up to the next such text, and takes the text away.
fn each(code: &str, text: &str, rewrite: impl Fn(&str) -> String) -> String {
    let mut parts = code.split(text);
    let first = parts.next().unwrap_or_default().to_owned();
    let rest: Vec<_> = parts.map(rewrite).collect();
    assert!(
        !rest.is_empty(),
        "progenitor no longer writes `{text}`; see build.rs"
    );
    first + &rest.concat()
}

/// Has an address put together by the transport, which has parsed the base of all of them once, host
/// and all. progenitor would parse each, and make a text of each part of it first. It leaves `\` as it
/// is, which a URL parser reads as `/`.
fn addressed(rest: &str) -> String {
    let parts = || {
        let (call, rest) = rest.split_once(") ;")?;
        let (_, call) = call.split_once('"')?;
        let (format, arguments) = call.split_once('"')?;
        let texts: Vec<_> = format.strip_prefix("{}")?.split("{}").collect();
        let names = arguments.split("encode_path (& ").skip(1);
        let names = names.map(|name| name.split_once(" . to_string ())").map(|(name, _)| name));
        Some((texts, names.collect::<Option<Vec<_>>>()?, rest))
    };
    let (texts, names, rest) =
        parts().expect("progenitor no longer writes addresses as it did; see build.rs");
    assert_eq!(
        texts.len(),
        names.len() + 1,
        "texts and what is between them"
    );
    let mut code = "let request = || { let url = crate :: transport :: address ! (self".to_owned();
    for (index, text) in texts.iter().enumerate() {
        let name = names.get(index).copied().unwrap_or_default();
        if !(text.is_empty() && name.is_empty()) {
            code.extend([" , \"", text, "\" ", name]);
        }
    }
    code + ") ;" + rest
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

/// What the facades read from an answer themselves.
const RECORDS: &[&str] = &[
    "Document",
    "DocumentPage",
    "SyncList",
    "SyncListPage",
    "SyncListItem",
    "SyncListItemPage",
    "SyncMap",
    "SyncMapPage",
    "SyncMapItem",
    "SyncMapItemPage",
    "SyncStream",
    "SyncStreamPage",
];

/// Divides the operations that answer with such: all but the decoding becomes an operation of
/// `Responses`, under the same name. `src/api.rs` has that type.
fn undecoded(code: &mut syn::File) -> syn::Result<()> {
    let mut operations = Vec::new();
    let mut attributes = Vec::new();
    for item in &mut code.items {
        let syn::Item::Impl(client) = item else {
            continue;
        };
        for item in &mut client.items {
            if let syn::ImplItem::Fn(operation) = item
                && let syn::ReturnType::Type(_, output) = &operation.sig.output
                && let output = quote::quote!(#output).to_string()
                && RECORDS
                    .iter()
                    .any(|record| output.contains(&format!("types :: {record} >")))
            {
                operations.push(response(operation)?);
                attributes.clone_from(&client.attrs);
                let name = &operation.sig.ident;
                let arguments = operation.sig.inputs.iter().filter_map(|input| match input {
                    syn::FnArg::Typed(argument) => Some(&argument.pat),
                    syn::FnArg::Receiver(_) => None,
                });
                operation.block = syn::parse_quote!({
                    let response = Responses(self).#name(#(#arguments),*).await?;
                    crate::answer::decoded(response)
                });
            }
        }
    }
    assert_eq!(
        operations.len(),
        2 * RECORDS.len(),
        "each record is read, created and updated, and each page listed; see build.rs"
    );
    code.items
        .push(syn::parse_quote!(#(#attributes)* impl Responses<'_> { #(#operations)* }));
    Ok(())
}

/// An operation that gives the response as it came.
fn response(operation: &syn::ImplItemFn) -> syn::Result<syn::ImplItemFn> {
    let mut operation = operation.clone();
    operation.attrs.clear();
    operation.vis = syn::parse_quote!(pub(crate));
    operation.sig.output =
        syn::parse_quote!(-> Result<reqwest::Response, Error<crate::error::ErrorBody>>);
    if let Some(receiver) = operation.sig.inputs.first_mut() {
        *receiver = syn::parse_quote!(self);
    }
    let mut code = quote::quote!(#operation).to_string();
    for (from, to) in [
        ("crate :: answer :: decoded (response)", "Ok (response)"),
        ("exchange (self ,", "exchange (& self ,"),
    ] {
        assert!(code.contains(from), "an operation is without `{from}`");
        code = code.replace(from, to);
    }
    syn::parse_str(&code)
}
