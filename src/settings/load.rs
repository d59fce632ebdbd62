//! Loading: every layer once, every fault at once. Only this and the files of tokens and keys are read.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use config::{Config, Value};

use super::{
    KEYS, Settings,
    cross::LAWS,
    fault::{Fault, Faults, Origin},
    jwt,
    layers::{self, Origins},
    overrides::{self, Override},
    rules::{Raw, Rule},
    secret, tokens,
};

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "Settings.toml";

/// A settings file as it was read.
#[derive(Clone, Debug)]
pub struct FileText {
    /// Its path, as it was named, or [`DEFAULT_FILE`].
    pub path: Arc<Path>,
    /// What it says; `None` when there is none, and none was named. Or why it cannot be read.
    pub text: Result<Option<Arc<str>>, Arc<io::Error>>,
}

impl FileText {
    /// Reads the file that was named, or [`DEFAULT_FILE`] if it exists.
    #[must_use]
    pub fn read(named: Option<&Path>) -> Self {
        let path: Arc<Path> = named.unwrap_or(Path::new(DEFAULT_FILE)).into();
        let text = match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.into())),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Arc::new(error)),
        };
        Self { path, text }
    }

    /// Whether there is a file, without a word in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        matches!(&self.text, Ok(Some(text)) if text.trim().is_empty())
    }
}

/// Whether the files of tokens and keys are read.
#[derive(Clone, Copy, Debug)]
pub enum OtherFiles<'a> {
    /// They are.
    Read,
    /// They are not: what was read of them is as in these settings.
    As(&'a Settings),
}

/// Valid settings, and where they come from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each key that somebody set comes from; all others have their default.
    pub origins: Origins,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// What is set and counts for nothing, though it was perhaps meant to.
    pub warnings: Vec<String>,
    /// What was read of it.
    pub read: FileText,
}

impl Settings {
    /// Reads defaults, then the file, then the environment.
    ///
    /// A file that is named must be there; without a name, [`DEFAULT_FILE`] is read if it exists.
    /// Of `environment`, variables that begin with [`PREFIX`](super::PREFIX) count, and those that
    /// are a key's [other name](super::Key::other_name).
    ///
    /// # Errors
    /// With every fault of both layers, when there is one.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, Faults> {
        Self::load_from(&FileText::read(path), environment, &[], OtherFiles::Read)
    }

    /// The same of a file that was read, under what was set at run time.
    ///
    /// # Errors
    /// With every fault of all layers, when there is one.
    pub fn load_from(
        read: &FileText,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &[Override],
        others: OtherFiles<'_>,
    ) -> Result<Loaded, Faults> {
        let FileText { path, text } = read;
        let unread = text.as_ref().err().map(|error| unreadable(path, error));
        let text = text.as_ref().ok().and_then(Option::as_deref);
        let file = layers::file(path, text.unwrap_or_default());
        let environment = layers::environment(environment);

        let set = overrides::layer(overrides);
        let merged = Config::builder()
            .add_source(file.source)
            .add_source(environment.source)
            .add_source(set.source);
        let mut faults = Vec::from_iter(unread);
        faults.extend(file.faults.into_iter().chain(environment.faults).chain(set.faults));
        let mut origins = file.origins;
        origins.extend(environment.origins);
        origins.extend(set.origins);

        let settings = match merged.build() {
            Ok(merged) => {
                Reader { merged: &merged, origins: &origins, faults: &mut faults }.all(others)
            }
            // Neither layer can fail: both hold what was already parsed.
            Err(error) => {
                faults.push(Fault {
                    origin: Origin::Default,
                    key: None,
                    message: error.to_string(),
                });
                Self::default()
            }
        };
        if faults.is_empty() {
            let file = text.map(|_| path.to_path_buf());
            let warnings = environment.warnings;
            return Ok(Loaded { settings, origins, file, warnings, read: read.clone() });
        }
        faults.sort();
        Err(Faults(faults))
    }
}

fn unreadable(path: &Arc<Path>, error: &io::Error) -> Fault {
    let origin = Origin::File { path: path.clone(), place: None };
    Fault { origin, key: None, message: format!("cannot be read: {error}") }
}

/// Takes keys from the merged layers; a key that is at fault gets its default for the time being.
pub(super) struct Reader<'a> {
    merged: &'a Config,
    origins: &'a Origins,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn all(mut self, others: OtherFiles<'_>) -> Settings {
        let mut settings = Settings::read(&mut self);
        self.check_laws(&settings);
        if let OtherFiles::As(read) = others {
            settings.auth.clone_from(&read.auth);
            settings.realtime.key.clone_from(&read.realtime.key);
            return settings;
        }
        self.faults.extend(tokens::complete(&mut settings.auth, self.origins));
        let is_at_fault = self.is_at_fault(jwt::SECRET);
        self.faults.extend(jwt::complete(&mut settings.auth, self.origins, is_at_fault));
        self.faults.extend(secret::complete(&mut settings.realtime, self.origins));
        settings
    }

    pub(super) fn read<R: Rule>(&mut self, path: &'static str, rule: &R) -> R::Value {
        let Some(origin) = self.origins.get(path) else { return rule.default() };
        let value = self.merged.get::<Value>(path).map(|value| value.kind).unwrap_or_default();
        let raw = match (origin, &value) {
            (Origin::Variable(_), config::ValueKind::String(text)) => Raw::Variable(text),
            (_, value) => Raw::Typed(value),
        };
        rule.read(&raw).unwrap_or_else(|| {
            let default = rule.default();
            let raw = if rule.is_secret() { "what was given".to_owned() } else { raw.to_string() };
            let message = format!(
                "must be {}, not {raw}; the default is {}",
                rule.allowed(),
                rule.show(&default)
            );
            self.faults.push(Fault { origin: origin.clone(), key: Some(path.to_owned()), message });
            default
        })
    }

    /// Laws between keys count only where both keys are sound by themselves.
    fn check_laws(&mut self, settings: &Settings) {
        let shown: BTreeMap<_, _> = KEYS.iter().map(|key| key.path).zip(settings.show()).collect();
        let show = |path| shown.get(path).map_or("", String::as_str);
        for law in LAWS.iter().filter(|law| !(law.holds)(settings)) {
            if self.is_at_fault(law.key) || self.is_at_fault(law.other) {
                continue;
            }
            let set = self.origins.get(law.key).or_else(|| self.origins.get(law.other));
            self.faults.push(Fault {
                origin: set.cloned().unwrap_or(Origin::Default),
                key: Some(law.key.to_owned()),
                message: format!(
                    "is {}, must be {} {} = {}",
                    show(law.key),
                    law.must_be,
                    law.other,
                    show(law.other)
                ),
            });
        }
    }

    fn is_at_fault(&self, path: &str) -> bool {
        self.faults.iter().any(|fault| fault.key.as_deref() == Some(path))
    }
}
