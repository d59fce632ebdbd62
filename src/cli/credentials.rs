//! The token that the client commands show: from a file, or from the environment. Never from the
//! command line, which every process of this machine can read, and never shown.

use std::{env, fmt, fs, str::FromStr};

use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::client::ClientError;

/// The environment variable that holds the token.
pub const VARIABLE: &str = "SIGNALBOX_TOKEN";

/// A bearer token. Never shown.
#[derive(Clone)]
pub struct Token {
    bearer: HeaderValue,
    key: HeaderValue,
}

impl Token {
    /// The value of `Authorization`.
    #[must_use]
    pub fn into_header(self) -> HeaderValue {
        self.bearer
    }

    /// The value of `x-api-key`, by which clients of Realtime show it.
    #[must_use]
    pub fn into_key(self) -> HeaderValue {
        self.key
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let header = |text: &str| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_invalid| "a token is one line of ASCII".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        };
        let text = text.trim();
        Ok(Self { bearer: header(&format!("Bearer {text}"))?, key: header(text)? })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// The token in a file, for an argument that names one.
///
/// # Errors
/// When the file cannot be read, or holds none.
pub fn of_file(path: &str) -> Result<Token, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?.parse()
}

/// The token to show: of the file, else of the environment.
///
/// # Errors
/// When the environment holds something else.
pub fn choose(of_file: Option<&Token>) -> Result<Option<Token>, ClientError> {
    if let Some(token) = of_file {
        return Ok(Some(token.clone()));
    }
    let Some(text) = env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = |reason| ClientError::Usage(format!("{VARIABLE}: {reason}"));
    text.to_string_lossy().parse().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token: Token = "secret".parse().unwrap();
        assert!(!format!("{token:?} {:?}", token.clone().into_header()).contains("secret"));
        assert!("a\nb".parse::<Token>().is_err());
    }
}
