//! What an operation may answer when it does not do what it was asked: one response a status, with
//! an example of each code.

use std::collections::BTreeMap;

use utoipa::{
    ToSchema,
    openapi::{
        ContentBuilder, Header, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
        example::{Example, ExampleBuilder},
        path::Operation,
    },
};

use crate::http::problem::{Body, Code, Problem};

const PROBLEM: &str = "application/problem+json";

/// Makes a type that stands for problems, for `responses(…)` of an operation.
macro_rules! problems {
    ($(#[$doc:meta])* $visible:vis $name:ident: $($code:ident),+ $(,)?) => {
        $(#[$doc])*
        $visible struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::http::contract::responses(&[
                    $($crate::http::problem::Code::$code),+
                ])
            }
        }
    };
}
pub(in crate::http) use problems;

/// The responses of these codes, by status.
pub(in crate::http) fn responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut statuses: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        statuses.entry(code.status().as_u16()).or_default().push(*code);
    }
    let responses = statuses.iter();
    responses.map(|(status, codes)| (status.to_string(), response(codes).into())).collect()
}

/// Adds these codes to what the operation may answer.
pub(super) fn add(operation: &mut Operation, codes: &[Code]) {
    let known = &mut operation.responses.responses;
    let told: Vec<_> = known.values().flat_map(told).chain(codes.iter().copied()).collect();
    known.extend(responses(&told));
}

/// The codes that a response has examples of.
fn told(response: &RefOr<Response>) -> Vec<Code> {
    let RefOr::T(response) = response else { return Vec::new() };
    let Some(RefOr::T(content)) = response.content.get(PROBLEM) else { return Vec::new() };
    let is_told = |code: &&Code| content.examples.contains_key(code.as_str());
    Code::ALL.iter().filter(is_told).copied().collect()
}

fn response(codes: &[Code]) -> Response {
    let meanings: Vec<_> =
        codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.meaning())).collect();
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Body::name())))
        .examples_from_iter(codes.iter().map(|code| (code.as_str(), example(*code))))
        .build();
    let mut response =
        ResponseBuilder::new().description(meanings.join("\n\n")).content(PROBLEM, content);
    for (name, description) in codes.first().map_or(&[][..], |code| headers(*code)) {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let mut header = Header::new(schema);
        header.description = Some((*description).to_owned());
        response = response.header(*name, header);
    }
    response.build()
}

fn headers(code: Code) -> &'static [(&'static str, &'static str)] {
    match code {
        code if code.retryable() => &[("Retry-After", "Seconds after which to try again.")],
        Code::UnsupportedEncoding | Code::UnsupportedMediaType => &[
            ("Accept", "The content types that are read, when it was one."),
            ("Accept-Encoding", "The encodings that are read, when it was one."),
        ],
        Code::Unauthenticated => &[("WWW-Authenticate", "How to show who is asking.")],
        Code::UpgradeRequired => {
            &[("Upgrade", "Always `websocket`."), ("Sec-WebSocket-Version", "Always `13`.")]
        }
        _ => &[],
    }
}

fn example(code: Code) -> Example {
    let problem = Problem::new(code, code.meaning());
    ExampleBuilder::new()
        .summary(code.advice())
        .value(serde_json::to_value(problem.body()).ok())
        .build()
}
