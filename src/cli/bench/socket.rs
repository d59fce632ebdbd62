//! A WebSocket of a load test.

use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        Error, Message, Utf8Bytes, handshake::client::Request, protocol::WebSocketConfig,
    },
};

use super::tap::Tap;
use crate::cli::client::{ClientError, Target, root_cause};

/// Bytes read at once; the default would take 128 KiB for every client.
const READ_BUFFER: usize = 16 * 1024;

/// A WebSocket whose bytes are watched.
pub type Socket = WebSocketStream<MaybeTlsStream<Tap>>;

/// Asks for a WebSocket on a connection.
///
/// # Errors
/// When the router refuses.
pub async fn shake_hands(
    target: &Target,
    request: Request,
    tap: Tap,
) -> Result<Socket, ClientError> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let shaken = client_async_tls_with_config(request, tap, Some(config), None).await;
    shaken.map(|(socket, _)| socket).map_err(|e| target.handshake_failed(e))
}

/// The text of what came by a WebSocket, or why nothing more will come; `None` for what holds none.
pub fn text(message: Option<Result<Message, Error>>) -> Option<Result<Utf8Bytes, String>> {
    match message {
        Some(Ok(Message::Text(text))) => Some(Ok(text)),
        Some(Ok(Message::Close(Some(close)))) => {
            Some(Err(format!("{} {}", u16::from(close.code), close.reason)))
        }
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(Err(root_cause(&error))),
        None => Some(Err("closed without a word".into())),
    }
}
