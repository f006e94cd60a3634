//! The table of the operations, for the program: what its command `api` takes, checks and explains.
//! `src/bin/twilio-sync/api/operations.rs` has the types.

use std::error::Error;

use quote::{format_ident, quote};
use serde_json::Value;
use syn::parse_quote;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Components that types of the library stand for, which check a value.
const CHECKED: &[&str] = &[
    "ServiceReference",
    "ObjectReference",
    "UniqueName",
    "ItemKey",
    "Identity",
    "Revision",
];

/// In the order in which people look for them.
const METHODS: &[&str] = &["get", "post", "delete"];

/// Writes the table. `client` is the code of the generated client, which has the same operations.
pub(crate) fn table(description: &Value, client: &str) -> Result<String> {
    let mut operations = Vec::new();
    for tag in array(&description["tags"])? {
        let resource = text(&tag["name"])?;
        for (path, item) in object(&description["paths"])? {
            for method in METHODS {
                let operation = &item[*method];
                if operation["tags"][0] == resource {
                    operations.push(row(description, path, method, operation, client)?);
                }
            }
        }
    }
    let file = parse_quote! {
        /// All operations, those of a resource together.
        pub(crate) static OPERATIONS: &[Operation] = &[#(#operations),*];
    };
    Ok(prettyplease::unparse(&file))
}

fn row(
    description: &Value,
    path: &str,
    method: &str,
    operation: &Value,
    client: &str,
) -> Result<syn::Expr> {
    let name = text(&operation["operationId"])?;
    let id = snake_case(name);
    if !client.contains(&format!("operation_id: \"{id}\"")) {
        return Err(format!("the generated client has no operation `{id}`").into());
    }
    let resource = text(&operation["tags"][0])?;
    let summary = text(&operation["summary"])?;
    let more = operation["description"].as_str().unwrap_or_default();
    let method = format_ident!("{}", method.to_uppercase());
    let mut statuses = object(&operation["responses"])?.keys();
    let status = statuses.find(|status| status.starts_with('2'));
    let status: u16 = status.ok_or("an operation without success")?.parse()?;
    let parameters = parameters(description, operation)?;
    Ok(parse_quote! {
        Operation {
            name: #name,
            id: #id,
            resource: #resource,
            summary: #summary,
            description: #more,
            method: Method::#method,
            path: #path,
            status: #status,
            parameters: &[#(#parameters),*],
        }
    })
}

/// The parameters of an operation: of path, query and header as they are described, and of the form
/// those first that it needs.
fn parameters(description: &Value, operation: &Value) -> Result<Vec<syn::Expr>> {
    let mut parameters = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolve(description, parameter)?;
        let name = text(&parameter["name"])?;
        let place = match text(&parameter["in"])? {
            "path" => "Path",
            "query" => "Query",
            "header" => "Header",
            place => return Err(format!("`{name}` is in `{place}`").into()),
        };
        let required = parameter["required"] == true;
        let kind = kind(description, &parameter["schema"])?;
        let about = &parameter["description"];
        parameters.push(column(name, place, required, &kind, about)?);
    }
    let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    if !form.is_null() {
        let form = resolve(description, form)?;
        let required = |name: &str| {
            let mut names = form["required"].as_array().into_iter().flatten();
            names.any(|required| required == name)
        };
        let mut fields: Vec<_> = object(&form["properties"])?.iter().collect();
        fields.sort_by_key(|(name, _)| !required(name));
        for (name, field) in fields {
            let kind = kind(description, field)?;
            let about = &field["description"];
            parameters.push(column(name, "Form", required(name), &kind, about)?);
        }
    }
    Ok(parameters)
}

fn column(
    name: &str,
    place: &str,
    required: bool,
    kind: &syn::Expr,
    about: &Value,
) -> Result<syn::Expr> {
    let place = format_ident!("{place}");
    let argument = format!("{name}=");
    let about = text(about)?;
    Ok(parse_quote! {
        Parameter {
            name: #name,
            argument: #argument,
            place: Place::#place,
            required: #required,
            kind: #kind,
            description: #about,
        }
    })
}

/// What values a schema allows.
fn kind(description: &Value, schema: &Value) -> Result<syn::Expr> {
    let schema = match &schema["allOf"][0] {
        Value::Null => schema,
        one => one,
    };
    let component = schema["$ref"].as_str().unwrap_or_default();
    let component = component.rsplit('/').next().unwrap_or_default();
    if CHECKED.contains(&component) {
        let component = format_ident!("{component}");
        return Ok(parse_quote!(Kind::#component));
    }
    let schema = resolve(description, schema)?;
    if let Some(choices) = schema["oneOf"].as_array() {
        let choices = choices.iter().map(|choice| text(&choice["enum"][0]));
        let choices = choices.collect::<Result<Vec<_>>>()?;
        return Ok(parse_quote!(Kind::Choice(&[#(#choices),*])));
    }
    match text(&schema["type"])? {
        "string" => Ok(parse_quote!(Kind::Text)),
        "boolean" => Ok(parse_quote!(Kind::Boolean)),
        "integer" => {
            let limit = |name: &str| {
                let limit = schema[name].as_i64();
                limit.map_or_else(|| quote!(None), |limit| quote!(Some(#limit)))
            };
            let (minimum, maximum) = (limit("minimum"), limit("maximum"));
            Ok(parse_quote!(Kind::Integer { minimum: #minimum, maximum: #maximum }))
        }
        other => Err(format!("a parameter is `{other}`").into()),
    }
}

/// What a reference refers to, or the value itself.
fn resolve<'a>(description: &'a Value, value: &'a Value) -> Result<&'a Value> {
    let Some(reference) = value["$ref"].as_str() else {
        return Ok(value);
    };
    let pointer = reference.strip_prefix('#').unwrap_or(reference);
    let found = description.pointer(pointer);
    found.ok_or_else(|| format!("nothing is at `{reference}`").into())
}

/// `FetchDocument` as `fetch_document`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn text(value: &Value) -> Result<&str> {
    let text = value.as_str();
    text.ok_or_else(|| format!("a text is missing, there is {value}").into())
}

fn array(value: &Value) -> Result<&Vec<Value>> {
    let array = value.as_array();
    array.ok_or_else(|| format!("an array is missing, there is {value}").into())
}

fn object(value: &Value) -> Result<&serde_json::Map<String, Value>> {
    let object = value.as_object();
    object.ok_or_else(|| format!("an object is missing, there is {value}").into())
}
