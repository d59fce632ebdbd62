//! TLS to PostgreSQL, for deliveries and for a journal.

use std::{fs, path::Path, process::Command};

use signalbox::{
    adapters::Transport as _,
    core::delivery::DeliveryError,
    storage::{StorageError, open},
};
use tempfile::TempDir;

use super::place::{There, batch, client, events, misconfigured, options, transport};
use crate::support::postgres::Cluster;

/// Makes a certificate; `more` says for whom, and by whom.
fn certificate(folder: &Path, name: &str, more: &[&str]) {
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", &format!("/CN={name}")])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
        .args(more)
        .output()
        .expect("tests/setup.sh finds openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A cluster with TLS whose certificate, for `localhost`, is of an authority of its own; and the
/// folder in which that is.
async fn cluster() -> (Cluster, TempDir) {
    let folder = TempDir::new().unwrap();
    certificate(folder.path(), "authority", &[]);
    let of_authority = [
        ["-CA", "authority.crt"],
        ["-CAkey", "authority.key"],
        ["-addext", "subjectAltName=DNS:localhost"],
        ["-addext", "basicConstraints=critical,CA:FALSE"],
    ];
    certificate(folder.path(), "server", of_authority.as_flattened());
    let cluster = Cluster::start();
    let admin = client(&cluster.url("admin")).await;
    for name in ["server.key", "server.crt"] {
        let lines = fs::read_to_string(folder.path().join(name)).unwrap();
        // The server itself writes it, so that it is the server's and nobody else's.
        let write = format!(
            "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM \
             'umask 077; cat > {name}'",
            lines.trim_end()
        );
        admin.batch_execute(&write).await.unwrap();
    }
    admin.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    cluster.stop_immediate();
    cluster.start_again();
    (cluster, folder)
}

#[actix::test]
async fn a_connection_is_as_safe_as_its_url_says() {
    let (cluster, folder) = cluster().await;
    let there = There::migrated(cluster.url("there")).await;
    let roots = folder.path().join("authority.crt").display().to_string();
    let named = there.url.replace("127.0.0.1", "localhost");
    let encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE application_name = 'signalbox' AND datname = 'there'";
    for (url, safe) in [
        (there.url.clone(), true),
        (format!("{}?sslmode=disable", there.url), false),
        (format!("{}?sslmode=require", there.url), true),
        (format!("{}?sslmode=verify-ca&sslrootcert={roots}", there.url), true),
        (format!("{named}?sslmode=verify-full&sslrootcert={roots}"), true),
    ] {
        let transport = transport(&url);
        transport.deliver(&batch(&events(1..=2))).await.unwrap();
        let rows = there.client.query(encrypted, &[]).await.unwrap();
        assert!(rows.iter().any(|row| row.get::<_, bool>(0) == safe), "{url}");
        assert!(open(&options(&url)).await.unwrap().migrate().await.unwrap().is_empty());
    }
    for url in [
        format!("{}?sslmode=verify-full&sslrootcert={roots}", there.url),
        format!("{named}?sslmode=verify-full"),
        format!("{named}?sslmode=verify-ca&sslrootcert=system"),
    ] {
        assert!(misconfigured(&url).await.contains("sslrootcert"), "{url}");
        let error = open(&options(&url)).await.unwrap().head().await.unwrap_err();
        assert!(matches!(error, StorageError::Unreachable { .. }), "{error}");
    }
}

#[actix::test]
async fn a_server_without_tls_is_not_spoken_to_when_the_url_asks_for_it() {
    let there = There::new().await;
    let url = format!("{}?sslmode=require", there.url);
    let refused = transport(&url).deliver(&batch(&events(1..=2))).await;
    let Err(DeliveryError::Misconfigured { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("sslmode"), "{reason}");
}
