//! Every route and every parameter is in the documentation.

use serde_json::Value;
use signalbox::{
    core::access::Need,
    http::{contract, routes::ROUTES},
};

use super::{assert_table, code};

/// Allowed words that are named one by one; of more, two are.
const NAMED: usize = 12;

#[test]
fn every_route_is_in_the_docs() {
    let rows = ROUTES.iter().map(|route| {
        let scope = match route.need {
            Need::Nothing => String::new(),
            Need::Identity => "any".to_owned(),
            Need::Scope(scope) => code(scope),
        };
        vec![code(format!("{} {}", route.method, route.path)), scope, route.what.to_owned()]
    });
    assert_table("http.md", "routes", &["route", "scope", "what it is for"], rows);
}

#[test]
fn every_parameter_is_in_the_docs() {
    let openapi = serde_json::to_value(contract::openapi()).unwrap();
    let rows = ROUTES.iter().flat_map(|route| {
        let operation = &openapi["paths"][route.path][route.method.to_lowercase()];
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        parameters.into_iter().map(|parameter| {
            let text = |name: &str| parameter[name].as_str().unwrap().replace('\n', " ");
            let place = format!("{} {}", code(text("name")), text("in"));
            let route = code(format!("{} {}", route.method, route.path));
            vec![route, place, values(&openapi, &parameter["schema"]), text("description")]
        })
    });
    assert_table("http.md", "parameters", &["route", "parameter", "value", "meaning"], rows);
}

/// The values that a schema allows.
fn values(openapi: &Value, schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return values(openapi, &openapi["components"]["schemas"][name]);
    }
    if let Some(title) = schema["title"].as_str() {
        return code(title);
    }
    if let Some(several) = schema["anyOf"].as_array() {
        return several.iter().map(|one| values(openapi, one)).collect::<Vec<_>>().join(" or ");
    }
    if schema["type"] == "array" {
        return format!("{}; repeatable", values(openapi, &schema["items"]));
    }
    if let Some(names) = schema["enum"].as_array() {
        let shown = names.iter().take(if names.len() > NAMED { 2 } else { NAMED });
        let shown: Vec<_> = shown.map(|name| code(name.as_str().unwrap())).collect();
        let others = names.len() - shown.len();
        let rest = if others > 0 { format!(" and {others} others") } else { String::new() };
        return shown.join(", ") + &rest;
    }
    let number = |name: &str| schema[name].as_u64();
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("integer", Some("uint64")) => "a `seq`".to_owned(),
        ("integer", _) => {
            format!("{} to {}", number("minimum").unwrap(), number("maximum").unwrap())
        }
        ("boolean", _) => "`true`, `false`".to_owned(),
        ("string", Some("date-time")) => "RFC 3339".to_owned(),
        ("string", Some("uuid")) => "a UUID".to_owned(),
        ("string", None) => match (number("minLength"), number("maxLength")) {
            (Some(least), Some(most)) => format!("{least} to {most} characters"),
            _ => "text".to_owned(),
        },
        other => panic!("say how to document {other:?}"),
    }
}
