//! How a WebSocket is opened to a Realtime, by who speaks there and by who listens.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        Error,
        client::IntoClientRequest,
        handshake::client::{Request, Response},
        http::{HeaderName, HeaderValue},
        protocol::WebSocketConfig,
    },
};

use super::{
    answers::{self, Words},
    broadcast::root_cause,
    destination::{Destination, NoClient},
};
use crate::core::delivery::DeliveryError;

/// The route of Realtime's sockets, version 2.
pub const REALTIME_SOCKET: &str = "/realtime/v1/websocket?vsn=2.0.0";
/// Largest message that is read, in bytes: what others say on the topic comes here too.
const MOST_HEARD: usize = 16 << 20;
/// The keys of a socket that has no `Authorization`: a gateway's, and the server's.
const KEYS: [HeaderName; 2] =
    [HeaderName::from_static("apikey"), HeaderName::from_static("x-api-key")];

/// An open one.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The way to a socket: where it is, and what is shown there.
#[derive(Clone, Debug)]
pub struct Way {
    request: Request,
    tls: Arc<ClientConfig>,
    is_plain: bool,
}

impl Way {
    /// The way to a route of a destination, with its key.
    ///
    /// # Errors
    /// When this machine has not what it takes, or the URL or the key cannot be sent.
    pub fn try_new(destination: &Destination, route: &str) -> Result<Self, NoClient> {
        let url = destination.url.strip_prefix("http").unwrap_or(&destination.url);
        let url = format!("ws{url}{route}");
        let mut request = url.into_client_request().map_err(|error| NoClient(error.to_string()))?;
        // A server that asks for a key wants one at any price; where nobody asks, any will do.
        let key = destination.key.expose();
        let mut key = HeaderValue::from_str(if key.is_empty() { "none" } else { key })
            .map_err(|_not_shown| NoClient("realtime.key cannot stand in a header".to_owned()))?;
        key.set_sensitive(true);
        // In headers, because URLs are written into logs.
        for name in KEYS {
            request.headers_mut().insert(name, key.clone());
        }
        let (tls, is_plain) = (Arc::new(destination.tls()?), destination.is_plain());
        Ok(Self { request, tls, is_plain })
    }

    /// Opens one.
    ///
    /// # Errors
    /// When nobody is there, or it is not opened.
    pub async fn connect(&self) -> Result<Socket, DeliveryError> {
        let connector =
            if self.is_plain { Connector::Plain } else { Connector::Rustls(self.tls.clone()) };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MOST_HEARD))
            .max_frame_size(Some(MOST_HEARD));
        let request = self.request.clone();
        let connected =
            connect_async_tls_with_config(request, Some(config), true, Some(connector)).await;
        connected.map(|(socket, _)| socket).map_err(not_connected)
    }
}

fn not_connected(error: Error) -> DeliveryError {
    let Error::Http(response) = error else {
        return DeliveryError::Transient { reason: root_cause(&error) };
    };
    turned_away(&response)
}

/// A handshake was answered by something else.
fn turned_away(response: &Response) -> DeliveryError {
    let words = Words::of(response.body().as_deref().unwrap_or_default());
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let after = after.and_then(|value| answers::retry_after(value, chrono::Utc::now()));
    match answers::of_status(response.status(), &words, after) {
        Err(DeliveryError::Rejected { reason, .. }) => DeliveryError::Transient { reason },
        Err(error) => error,
        Ok(()) => DeliveryError::Transient { reason: "the server opens no socket".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::realtime::destination::tests::destination;

    #[tokio::test]
    async fn no_secret_is_in_its_url_or_in_what_is_told() {
        let way = Way::try_new(&destination(), REALTIME_SOCKET).unwrap();
        assert_eq!(way.request.uri(), "ws://127.0.0.1:9/realtime/v1/websocket?vsn=2.0.0");
        assert_eq!(way.request.headers()["apikey"], "s3cret");
        assert!(!format!("{way:?}").contains("s3cret"));
        let error = way.connect().await.unwrap_err();
        assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
    }
}
