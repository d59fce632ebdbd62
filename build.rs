//! Puts into the binary what the dashboard's own build has made, if it has: this one needs no Node.js.

use std::{env, error::Error, fs, io, path::Path};

/// What the dashboard's build writes to. The folder itself is always there, so Cargo can watch it.
const MADE: &str = "dashboard/dist";

/// A page that imports this is told what to do.
const NOT_BUILT: &str = r#"throw new Error(
  "this router was built without its client: run dashboard/build.sh, which needs Node.js 20 or newer, and build it again",
);
"#;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={MADE}");
    let module = match fs::read(Path::new(MADE).join("client.js")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => NOT_BUILT.as_bytes().to_vec(),
        made => made?,
    };
    fs::write(Path::new(&env::var("OUT_DIR")?).join("client.js"), module)?;
    Ok(())
}
