//! Writes the table of the operations: a variant and a row for each, on a line of its own.
//! `src/api/operation.rs` has the types.

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::description::{Operation, Parameter};

/// Form fields that carry the name of what is created: with one, a second attempt cannot create a
/// second object.
const NAMES: &[&str] = &["UniqueName", "Key"];

pub(crate) fn table(operations: &[Operation]) -> String {
    let variants = operations.iter().map(|Operation { name, summary, .. }| {
        let variant = format_ident!("{name}");
        format!("{},\n", quote!(#[doc = #summary] #variant))
    });
    let rows = operations
        .iter()
        .map(|operation| format!("{},\n", row(operation)));
    format!(
        "/// An operation of the Sync API.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[non_exhaustive]\n\
         pub enum Operation {{\n{}}}\n\
         static ROWS: [Row; {}] = [\n{}];\n",
        variants.collect::<String>(),
        operations.len(),
        rows.collect::<String>(),
    )
}

fn row(operation: &Operation) -> TokenStream {
    let Operation { name, facts, .. } = operation;
    let (id, variant) = (name.to_snake_case(), format_ident!("{name}"));
    let method = format_ident!("{}", operation.method);
    let idempotence = idempotence(operation);
    let parameters = operation.parameters.iter().map(|parameter| {
        let Parameter { name, facts, .. } = parameter;
        let (argument, place) = (format!("{name}="), format_ident!("{}", parameter.place));
        quote!(Parameter { name: #name, argument: #argument, place: Place::#place, #facts })
    });
    quote! {
        Row {
            operation: Operation::#variant, name: #name, id: #id, method: Method::#method, #facts,
            idempotence: Idempotence::#idempotence, parameters: &[#(#parameters),*]
        }
    }
}

/// The effect of a second attempt, by method, path and form.
fn idempotence(operation: &Operation) -> TokenStream {
    let mut fields = operation.parameters.iter().filter(|it| it.place == "Form");
    let name = fields.find(|field| NAMES.contains(&field.name.as_str()));
    match (operation.method.as_str(), name) {
        ("GET", _) => quote!(Safe),
        ("DELETE", _) => quote!(Idempotent),
        // A POST to one object writes to it; a POST to a collection creates.
        _ if operation.path.ends_with('}') => quote!(Idempotent),
        (_, Some(Parameter { name, .. })) => quote!(WithField(#name)),
        _ => quote!(Never),
    }
}
