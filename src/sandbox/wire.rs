//! A request taken apart and an answer before it is sent, the same for all four APIs.
//!
//! Knows HTTP, and which path belongs to which API, so that an error has that API's form; knows nothing of their rows.

use std::{fmt, marker::PhantomData};

use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Value, json};

/// What an API's handler gives back.
pub(super) type Answer = Result<Reply, Failure>;

/// A request whose body has arrived.
pub(super) struct Request {
    pub method: Method,
    pub path: String,
    pub raw_query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    segments: Option<Vec<String>>,
}

impl Request {
    pub(super) fn new(method: Method, path: &str, query: Option<&str>, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            method,
            path: path.to_owned(),
            raw_query: query.map(str::to_owned),
            headers,
            body,
            segments: decode_segments(path),
        }
    }

    /// The decoded segments; nothing where one is empty or not UTF-8, which no route has.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.segments.iter().flatten().map(String::as_str).collect()
    }

    pub(super) fn api(&self) -> Api {
        Api::of(&self.segments())
    }

    /// The query's pairs, decoded.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.raw_query.as_deref().unwrap_or_default().as_bytes()).into_owned().collect()
    }

    /// The body as a JSON object. Another content type is 415; unknown fields and wrong types are 400.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(self.parse::<Object<T>>()?.0)
    }

    /// The body as a bare array of JSON objects.
    pub(super) fn json_array<T: DeserializeOwned>(&self) -> Result<Vec<Object<T>>, Failure> {
        self.parse()
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if !self.has_content_type("application/json") {
            return Err(Failure::new(415, "unsupported_media_type", "the body has to be sent as application/json"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::new(400, "bad_request", format!("the request body is not valid: {error}")))
    }

    pub(super) fn has_content_type(&self, wanted: &str) -> bool {
        let given = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A JSON object. A derived `Deserialize` alone would also take an array of the fields' values, which no API does.
#[derive(Default)]
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

fn decode_segments(path: &str) -> Option<Vec<String>> {
    let decode = |segment: &str| match percent_decode_str(segment).decode_utf8() {
        Ok(text) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    };
    path.strip_prefix('/')?.split('/').map(decode).collect()
}

/// The API that a path belongs to. Their paths do not collide, so one port serves all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Partium,
    Streamline,
    Semaphor,
    Canopy,
    /// The OAuth token endpoint, which answers as OAuth 2 does.
    Token,
    None,
}

impl Api {
    pub(super) fn of(segments: &[&str]) -> Self {
        match segments {
            ["1", "catalog", ..] => Self::Partium,
            ["v2", "clients", ..] => Self::Streamline,
            ["oauth2", ..] => Self::Token,
            ["api", "management", ..] | ["api", "v1", "token"] => Self::Semaphor,
            ["api", "v1", ..] | ["portal", ..] => Self::Canopy,
            _ => Self::None,
        }
    }

    /// A failure in the API's own error form. `flag` is Semaphor's word for success, which depends on the project.
    pub(super) fn render(self, failure: Failure, flag: &str) -> Reply {
        let Failure { status, code, message, extra } = failure;
        let mut body = match self {
            Self::Partium => json!({ "detail": message }),
            Self::Streamline => json!({ "success": false, "message": message }),
            Self::Semaphor => {
                json!({ flag: false, "error": { "code": code.to_uppercase(), "message": message, "details": {} } })
            }
            Self::Canopy => json!({ "error": { "statusCode": status, "code": code, "message": message } }),
            Self::Token => json!({ "error": code, "error_description": message }),
            Self::None => json!({ "error": message }),
        };
        if let Some((name, value)) = extra {
            let nested = matches!(self, Self::Semaphor | Self::Canopy);
            let place = if nested { body.get_mut("error") } else { Some(&mut body) };
            if let Some(Value::Object(fields)) = place {
                fields.insert(name.to_owned(), value);
            }
        }
        Reply::json(status, &body)
    }
}

/// Why a request was refused, before it is put in its API's words.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub extra: Option<(&'static str, Value)>,
}

impl Failure {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), extra: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.extra = Some((name, value));
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    pub(super) fn no_route() -> Self {
        Self::new(404, "not_found", "there is no such route")
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(405, "method_not_allowed", "the route does not take this method")
    }
}

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub content_type: Option<&'static str>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Reply {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        // Every body here is a struct or a map with text keys, which cannot fail to serialize.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, content_type: Some("application/json"), headers: Vec::new(), body: body.into() }
    }

    pub(super) fn text(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: Some(content_type), headers: Vec::new(), body: body.into() }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Bytes::new() }
    }
}
