//! Writes the methods of the client: progenitor's signatures and documentation, each with a body that
//! builds the call. progenitor's types are left as they are, and the rest of its client is not used.

use heck::ToSnakeCase;
use quote::{format_ident, quote};
use syn::{FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, Item, Pat, ReturnType, Type};

use crate::description::{Operation, Result};

pub(crate) fn client(generated: syn::File, operations: &[Operation]) -> Result<syn::File> {
    let (mut types, mut methods) = (Vec::new(), Vec::new());
    for item in generated.items {
        match item {
            Item::Mod(module) if module.ident == "types" => types.push(module),
            Item::Impl(client) if client.trait_.is_none() => methods.extend(client.items),
            _ => {}
        }
    }
    let calls = operations.iter().map(|operation| {
        let call = call(&methods, operation);
        call.map_err(|error| format!("{}: {error}", operation.name).into())
    });
    let calls = calls.collect::<Result<Vec<_>>>()?;
    Ok(syn::parse_quote! {
        #(#types)*
        #[allow(clippy::all)]
        impl Client { #(#calls)* }
    })
}

/// The method of an operation with the body that builds its call.
fn call(methods: &[ImplItem], operation: &Operation) -> Result<ImplItemFn> {
    let id = operation.name.to_snake_case();
    let method = methods.iter().find_map(|item| match item {
        ImplItem::Fn(method) if method.sig.ident == id => Some(method.clone()),
        _ => None,
    });
    let mut method = method.ok_or("progenitor wrote no method of this name")?;
    let mut arguments: Vec<_> = method.sig.inputs.iter().filter_map(argument).collect();
    // The argument of a parameter, which is then accounted for.
    let mut take = |name: &str| {
        let at = arguments.iter().position(|argument| *argument == name);
        let argument = at.map(|at| arguments.swap_remove(at));
        argument.ok_or_else(|| format!("progenitor's method has no argument `{name}`"))
    };
    let (mut names, mut options, mut has_form) = (Vec::new(), Vec::new(), false);
    for parameter in &operation.parameters {
        let name = &parameter.name;
        let argument = name.to_snake_case();
        match (parameter.place.as_str(), name.as_str()) {
            ("Form", _) => has_form = true,
            ("Path", _) => names.push(take(&argument)?),
            ("Query", _) => {
                let argument = take(&argument)?;
                options.push(quote!(.with_query(#name, #argument)));
            }
            ("Header", "If-Match") => {
                let argument = take(&argument)?;
                options.push(quote!(.with_if_match(#argument)));
            }
            (place, _) => return Err(format!("nothing sends `{name}` in the {place}").into()),
        }
    }
    if has_form {
        let body = take("body")?;
        options.push(quote!(.with_form(#body)));
    }
    if let Some(argument) = arguments.first() {
        return Err(format!("`{argument}` of progenitor's method is not described").into());
    }
    let output = match &method.sig.output {
        ReturnType::Type(_, result) => first_argument(result).and_then(first_argument),
        ReturnType::Default => None,
    };
    let output = output
        .ok_or("progenitor's method returns no response")?
        .clone();
    let variant = format_ident!("{}", operation.name);
    method.sig.asyncness = None;
    method.sig.output = syn::parse_quote!(-> Call<#output>);
    method.block = syn::parse_quote!({
        self.call(Operation::#variant, &[#(&#names),*]) #(#options)*
    });
    Ok(method)
}

fn argument(input: &FnArg) -> Option<Ident> {
    let FnArg::Typed(argument) = input else {
        return None;
    };
    match argument.pat.as_ref() {
        Pat::Ident(pattern) => Some(pattern.ident.clone()),
        _ => None,
    }
}

/// The first type argument: the `T` of `Result<T, …>` and of `ResponseValue<T>`.
fn first_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let syn::PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments
    else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
