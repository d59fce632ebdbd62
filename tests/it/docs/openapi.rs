//! The contract of what speaks HTTP has every route, and every route has all of it.

use std::{collections::BTreeSet, env, fs, path::Path};

use serde_json::Value;
use signalbox::http::{contract, problem::Code, routes::ROUTES};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn openapi() -> Value {
    serde_json::to_value(contract::openapi()).unwrap()
}

/// Every operation, with its method and path.
fn operations(openapi: &Value) -> Vec<(String, String, &Value)> {
    let items = openapi["paths"].as_object().unwrap().iter();
    let operations = items.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| {
            assert!(METHODS.contains(&&**method), "{method} {path}");
            (method.to_uppercase(), path.clone(), operation)
        })
    });
    operations.collect()
}

#[test]
fn the_contract_that_is_committed_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let current = contract::openapi().to_pretty_json().unwrap() + "\n";
    if env::var_os("SIGNALBOX_WRITE_DOCS").is_some() {
        fs::write(&path, current).unwrap();
    } else {
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == current,
            "docs/openapi.json is not what the code says: run `make docs`"
        );
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let openapi = openapi();
    let described: BTreeSet<_> = operations(&openapi)
        .into_iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let routes: BTreeSet<_> =
        ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let missing: Vec<_> = routes.difference(&described).collect();
    assert!(
        missing.is_empty(),
        "{missing:?} are in ROUTES and not in the OpenAPI: give their handlers a #[utoipa::path], \
         and name them under `paths` in src/http/contract/mod.rs"
    );
    let stale: Vec<_> = described.difference(&routes).collect();
    assert!(stale.is_empty(), "{stale:?} are in the OpenAPI and not in ROUTES of src/http/mod.rs");
}

#[test]
fn every_operation_says_what_it_is_and_what_can_go_wrong() {
    let openapi = openapi();
    let tags: Vec<_> = openapi["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&openapi) {
        let name = format!("{method} {path}: {operation:#}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}");
        assert!(operation["summary"].is_string() && operation["security"].is_array(), "{name}");
        assert!(
            operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)),
            "{name}"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            // The original system's clients know its own shape of an answer.
            if (&*path, &**status) == ("/health", "503") {
                continue;
            }
            let is_problem = response["content"]["application/problem+json"].is_object();
            assert_eq!(is_problem, status.parse::<u16>().unwrap() >= 400, "{status} of {name}");
            let has_retry_after = response["headers"]["Retry-After"].is_object();
            // Not every conflict is over by itself.
            let in_flight = &response["content"]["application/problem+json"]["examples"];
            let passes = !in_flight["request_in_flight"].is_null();
            assert_eq!(
                has_retry_after,
                passes || matches!(&**status, "429" | "503"),
                "{status} of {name}"
            );
        }
    }
}

#[test]
fn every_problem_is_an_answer_of_some_operation() {
    let openapi = openapi();
    let mut answered = BTreeSet::new();
    for (_, _, operation) in operations(&openapi) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let examples = &response["content"]["application/problem+json"]["examples"];
            for (code, example) in examples.as_object().into_iter().flatten() {
                assert_eq!(example["value"]["status"].to_string(), *status);
                answered.insert(code.clone());
            }
        }
    }
    // Where a path exists, any other method gets this one.
    answered.insert(Code::MethodNotAllowed.as_str().to_owned());
    for code in Code::ALL {
        assert!(
            answered.contains(code.as_str()),
            "no operation has `{}`: name it in the `problems!` of a handler that answers it",
            code.as_str()
        );
    }
}

#[test]
fn every_reference_leads_to_a_schema_and_every_schema_is_used() {
    let openapi = openapi();
    let text = openapi.to_string();
    let named: BTreeSet<_> = text
        .split("\"#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let schemas = openapi["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().map(String::as_str).collect::<BTreeSet<_>>(), named);
}
