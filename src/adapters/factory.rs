//! From settings to what they name: which transport, and with what.

use std::net::SocketAddr;

use super::{
    Transport, TransportKind,
    realtime::{
        Destination, NoClient, broadcast::BroadcastTransport, channel::ChannelTransport,
        postgres::PostgresTransport,
    },
};
use crate::{
    core::delivery::DeliveryError,
    settings::{RealtimeUrl, Secret, Settings},
};

/// The router's own Realtime, as it reaches it.
#[derive(Clone, Debug)]
pub struct Builtin {
    /// The private listener.
    pub address: SocketAddr,
    /// Its key.
    pub key: Secret,
}

/// Why there is no transport.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotDeliver {
    /// The router does not listen for itself.
    #[error("realtime.url is \"builtin\", and the built-in Realtime is not there")]
    NotThere,
    /// There is no database to write to, or none that could be.
    #[error(transparent)]
    NoDatabase(#[from] DeliveryError),
    /// This machine has not what it takes.
    #[error(transparent)]
    NoClient(#[from] NoClient),
}

/// The Realtime that the settings name.
///
/// # Errors
/// When it is the built-in one, and that is not there.
pub fn destination(
    settings: &Settings,
    builtin: Option<&Builtin>,
) -> Result<Destination, CannotDeliver> {
    let realtime = &settings.realtime;
    let (url, key) = match &realtime.url {
        RealtimeUrl::Project(url) => (url.clone(), realtime.key.clone()),
        RealtimeUrl::Builtin => {
            let Builtin { address, key } = builtin.ok_or(CannotDeliver::NotThere)?;
            (format!("http://{address}"), key.clone())
        }
    };
    Ok(Destination {
        url,
        key,
        topic: realtime.topic.as_str().to_owned(),
        timeout: settings.request_timeout(),
        request_bytes: realtime.request_bytes,
    })
}

/// The transport that the settings name, whether or not a flag asks for it. Nothing is connected yet.
///
/// # Errors
/// See [`CannotDeliver`].
pub fn transport(
    settings: &Settings,
    builtin: Option<&Builtin>,
) -> Result<Box<dyn Transport>, CannotDeliver> {
    let destination = || destination(settings, builtin);
    Ok(match settings.realtime.transport {
        TransportKind::Broadcast => Box::new(BroadcastTransport::try_new(destination()?)?),
        TransportKind::Channel => Box::new(ChannelTransport::try_new(destination()?)?),
        TransportKind::Postgres => Box::new(PostgresTransport::try_new(settings)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: TransportKind) -> Settings {
        let mut settings = Settings::default();
        settings.realtime.transport = kind;
        settings
    }

    #[test]
    fn the_built_in_realtime_is_reached_where_it_listens_with_its_own_key() {
        let builtin = Builtin {
            address: SocketAddr::from(([127, 0, 0, 1], 4711)),
            key: Secret::new("0123".to_owned()),
        };
        let mut settings = settings(TransportKind::Broadcast);
        settings.realtime.key = Secret::new("a project's".to_owned());
        let Destination { url, key, topic, .. } = destination(&settings, Some(&builtin)).unwrap();
        assert_eq!((&*url, key.expose(), &*topic), ("http://127.0.0.1:4711", "0123", "monitoring"));
        assert_eq!(destination(&settings, None).unwrap_err(), CannotDeliver::NotThere);
        settings.realtime.url = "https://ref.supabase.co/".parse().unwrap();
        let Destination { url, key, .. } = destination(&settings, Some(&builtin)).unwrap();
        assert_eq!((&*url, key.expose()), ("https://ref.supabase.co", "a project's"));
    }

    #[test]
    fn the_settings_name_the_transport() {
        for kind in [TransportKind::Broadcast, TransportKind::Channel] {
            let mut settings = settings(kind);
            settings.realtime.url = "https://ref.supabase.co".parse().unwrap();
            settings.realtime.key = Secret::new("s3cret".to_owned());
            let transport = transport(&settings, None).unwrap();
            assert_eq!(transport.kind(), kind);
            assert!(transport.describe().contains("https://ref.supabase.co"));
            assert!(!transport.describe().contains("s3cret") && !transport.is_published());
        }
    }
}
