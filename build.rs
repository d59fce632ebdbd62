//! Puts into the binary what the dashboard's own build has made, if it has: this one needs no Node.js.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// What the dashboard's build writes to. The folder itself is always there, so Cargo can watch it.
const MADE: &str = "dashboard/dist";

/// A page that imports this is told what to do.
const NO_CLIENT: &str = r#"throw new Error(
  "this router was built without its client: run dashboard/build.sh, which needs Node.js 20 or newer, and build it again",
);
"#;

/// Who opens this is told what to do.
const NO_PAGE: &str = r#"<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>Signalbox</title>
  <h1>This router was built without its dashboard</h1>
  <p>Run <code>dashboard/build.sh</code>, which needs Node.js 20 or newer, and build the router again; <code>make run</code> does both.</p>
  <p>All that the page shows is told by the router itself: <a href="/docs">how to ask for it</a>.</p>
</html>
"#;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={MADE}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let module = match fs::read(Path::new(MADE).join("client.js")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => NO_CLIENT.as_bytes().to_vec(),
        made => made?,
    };
    fs::write(out.join("client.js"), module)?;
    fs::write(out.join("page.rs"), page(&out)?)?;
    Ok(())
}

/// The page's files, copied to where the compiler looks: an expression of names and contents.
fn page(out: &Path) -> Result<String, Box<dyn Error>> {
    let (from, to) = (Path::new(MADE).join("page"), out.join("page"));
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    fs::create_dir_all(to.join("assets"))?;
    let mut names = vec!["index.html".to_owned()];
    if from.join("index.html").exists() {
        for file in fs::read_dir(from.join("assets"))? {
            names.push(format!("assets/{}", file?.file_name().to_string_lossy()));
        }
        for name in &names {
            fs::copy(from.join(name), to.join(name))?;
        }
    } else {
        fs::write(to.join("index.html"), NO_PAGE)?;
    }
    names.sort();
    let mut files = "&[\n".to_owned();
    for name in names {
        let path = format!("/page/{name}");
        writeln!(files, "({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), {path:?}))),")?;
    }
    Ok(files + "]")
}
