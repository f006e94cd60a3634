//! The reader of the API description. All that the build writes about an operation comes from here.

use std::error::Error;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The description of the API.
pub(crate) struct Description(Value);

/// One operation, as described.
pub(crate) struct Operation {
    /// Its name in the description, as `FetchDocument`.
    pub(crate) name: String,
    /// In upper case.
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) summary: String,
    /// Its other facts, as fields of `api::Row`.
    pub(crate) facts: TokenStream,
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter of an operation, or a field of its form.
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `Path`, `Query`, `Header` or `Form`.
    pub(crate) place: String,
    /// Its other facts, as fields of `api::Parameter`.
    pub(crate) facts: TokenStream,
}

impl Description {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(Self(serde_json::from_str(text)?))
    }

    /// The description with members that may be null as optional ones, so that a response without one
    /// is still read.
    pub(crate) fn lenient(&self) -> Value {
        let mut description = self.0.clone();
        let schemas = description["components"]["schemas"].as_object_mut();
        for schema in schemas.into_iter().flat_map(|schemas| schemas.values_mut()) {
            let properties = schema["properties"].clone();
            if let Some(required) = schema["required"].as_array_mut() {
                let is_null = |name: &Value| properties[name.as_str()?]["nullable"].as_bool();
                required.retain(|name| is_null(name) != Some(true));
            }
        }
        description
    }

    /// All operations, those of a resource together. An error names the operation it is about.
    pub(crate) fn operations(&self) -> Result<Vec<Operation>> {
        let mut operations = Vec::new();
        for tag in self.0["tags"].as_array().into_iter().flatten() {
            for (path, item) in self.0["paths"].as_object().into_iter().flatten() {
                // In the order in which people look for them.
                for method in ["get", "post", "delete"] {
                    let node = &item[method];
                    if node["tags"][0] == tag["name"] {
                        let name = text(&node["operationId"])?;
                        let operation = self.operation(&name, path, method, node);
                        operations.push(operation.map_err(|error| format!("{name}: {error}"))?);
                    }
                }
            }
        }
        Ok(operations)
    }

    fn operation(&self, name: &str, path: &str, method: &str, node: &Value) -> Result<Operation> {
        let parameters = self.parameters(node)?;
        let names = path.split('{').skip(1).map(|part| part.split('}').next());
        let described = parameters.iter().filter(|it| it.place == "Path");
        if !names.eq(described.map(|it| Some(it.name.as_str()))) {
            return Err(format!("its parameters do not fit the path {path}").into());
        }
        let mut statuses = node["responses"].as_object().into_iter().flatten();
        let success = statuses.find(|(status, _)| status.starts_with('2'));
        let status: u16 = success.ok_or("it has no success")?.0.parse()?;
        let (resource, summary) = (text(&node["tags"][0])?, text(&node["summary"])?);
        let about = text(&node["description"]).unwrap_or_default();
        let facts = quote! {
            resource: #resource, summary: #summary, description: #about, path: #path, status: #status
        };
        Ok(Operation {
            name: name.to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary,
            facts,
            parameters,
        })
    }

    /// The parameters of path, query and header in their order, and of the form the required ones
    /// first.
    fn parameters(&self, node: &Value) -> Result<Vec<Parameter>> {
        let mut parameters = Vec::new();
        for parameter in node["parameters"].as_array().into_iter().flatten() {
            let parameter = self.resolve(parameter)?;
            let (name, mut place) = (text(&parameter["name"])?, text(&parameter["in"])?);
            place[..1].make_ascii_uppercase();
            let facts = self.facts(
                &parameter["schema"],
                parameter,
                parameter["required"] == true,
            );
            parameters.push(Parameter {
                name,
                place,
                facts: facts?,
            });
        }
        let content = &node["requestBody"]["content"]["application/x-www-form-urlencoded"];
        let form = self.resolve(&content["schema"])?;
        let required: Vec<_> = form["required"].as_array().into_iter().flatten().collect();
        let is_required = |name: &str| required.iter().any(|required| *required == name);
        let fields = form["properties"].as_object().into_iter().flatten();
        let (needed, others): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| is_required(name));
        for (name, field) in needed.into_iter().chain(others) {
            let facts = self.facts(field, field, is_required(name))?;
            let (name, place) = (name.clone(), "Form".to_owned());
            parameters.push(Parameter { name, place, facts });
        }
        Ok(parameters)
    }

    fn facts(&self, schema: &Value, about: &Value, required: bool) -> Result<TokenStream> {
        let (kind, description) = (self.kind(schema)?, text(&about["description"])?);
        Ok(quote!(required: #required, kind: Kind::#kind, description: #description))
    }

    /// The values that a schema allows, as a variant of `api::Kind`.
    fn kind(&self, schema: &Value) -> Result<TokenStream> {
        let schema = schema["allOf"].get(0).unwrap_or(schema);
        let component = schema["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next());
        if let Some(
            checked @ ("ServiceReference" | "ObjectReference" | "UniqueName" | "ItemKey"
            | "Identity" | "Revision"),
        ) = component
        {
            let checked = format_ident!("{checked}");
            return Ok(quote!(#checked));
        }
        let schema = self.resolve(schema)?;
        if let Some(choices) = schema["oneOf"].as_array() {
            let choices = choices.iter().map(|choice| text(&choice["enum"][0]));
            let choices = choices.collect::<Result<Vec<_>>>()?;
            return Ok(quote!(Choice(&[#(#choices),*])));
        }
        let limit = |name: &str| {
            let limit = schema[name].as_i64();
            limit.map_or_else(|| quote!(None), |limit| quote!(Some(#limit)))
        };
        let (minimum, maximum) = (limit("minimum"), limit("maximum"));
        match text(&schema["type"])?.as_str() {
            "string" => Ok(quote!(Text)),
            "boolean" => Ok(quote!(Boolean)),
            "integer" => Ok(quote!(Integer { minimum: #minimum, maximum: #maximum })),
            other => Err(format!("a parameter is `{other}`").into()),
        }
    }

    /// The target of a reference, or the value itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value> {
        let Some(reference) = value["$ref"].as_str() else {
            return Ok(value);
        };
        let found = self.0.pointer(reference.trim_start_matches('#'));
        found.ok_or_else(|| format!("nothing is at `{reference}`").into())
    }
}

fn text(value: &Value) -> Result<String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| format!("a text is missing, there is {value}").into())
}
