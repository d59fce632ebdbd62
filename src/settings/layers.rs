//! The two layers above the defaults: the file and the environment. Each becomes a source for the
//! `config` crate that holds known keys only, with the origin of each; what is unknown is a fault.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use config::{Environment, Map, Source, Value, ValueKind};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    KEYS, Key, PREFIX, SECTIONS,
    fault::{Fault, Origin, Place},
    names, nearest,
};

/// Where each key that somebody set comes from.
pub type Origins = BTreeMap<&'static str, Origin>;

/// What one layer says.
pub(super) struct Layer<S> {
    pub(super) source: S,
    pub(super) origins: Origins,
    pub(super) faults: Vec<Fault>,
    /// What counts for nothing, and was perhaps meant to.
    pub(super) warnings: Vec<String>,
}

impl<S> Layer<S> {
    /// A layer that says nothing yet.
    pub(super) fn new(source: S) -> Self {
        Self { source, origins: Origins::new(), faults: Vec::new(), warnings: Vec::new() }
    }
}

/// What the file says of known keys.
#[derive(Clone, Debug, Default)]
pub(super) struct FileSource(Map<String, Value>);

impl FileSource {
    /// Says the value of a key.
    pub(super) fn insert(&mut self, path: &str, value: ValueKind) {
        self.0.insert(path.to_owned(), Value::new(None, value));
    }
}

impl Source for FileSource {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Reads the file's text. Broken syntax is told in full and nothing else of the file then, since
/// all that follows from it would be guesses.
pub(super) fn file(path: &Arc<Path>, text: &str) -> Layer<FileSource> {
    let origin = |offset| Origin::File { path: path.clone(), place: Some(Place::at(text, offset)) };
    let mut layer = Layer::new(FileSource::default());
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        layer.faults.extend(errors.iter().map(|error| Fault {
            origin: origin(error.span().map_or(text.len(), |span| span.start)),
            key: None,
            message: error.message().to_owned(),
        }));
        return layer;
    }
    for (section, value) in table.get_ref() {
        match section_keys(section.get_ref(), value.get_ref()) {
            Ok(keys) => layer.take_section(section.get_ref(), keys, &origin),
            Err(message) => layer.faults.push(Fault {
                origin: origin(section.span().start),
                key: Some(section.get_ref().to_string()),
                message,
            }),
        }
    }
    layer
}

/// The keys of a section, or why it is none.
fn section_keys<'a, 'i>(name: &str, value: &'a DeValue<'i>) -> Result<&'a DeTable<'i>, String> {
    let known = SECTIONS.iter().any(|(section, _)| *section == name);
    match (known, value.as_table()) {
        (true, Some(keys)) => Ok(keys),
        (true, None) => Err(format!("is a section: write [{name}]")),
        (false, Some(_)) => Err(match nearest::section(name) {
            Some(near) => format!("unknown section; did you mean [{near}]?"),
            None => format!("unknown section; there are {}", words(SECTIONS.iter().map(|it| it.0))),
        }),
        (false, None) => Err(unknown_key(name)),
    }
}

impl Layer<FileSource> {
    fn take_section(
        &mut self,
        section: &str,
        keys: &DeTable<'_>,
        origin: &impl Fn(usize) -> Origin,
    ) {
        for (name, value) in keys {
            let path = format!("{section}.{}", name.get_ref());
            match KEYS.iter().find(|key| key.path == path) {
                Some(key) => {
                    self.origins.insert(key.path, origin(value.span().start));
                    self.source.0.insert(path, Value::new(None, kind(value)));
                }
                None => self.faults.push(Fault {
                    origin: origin(name.span().start),
                    message: unknown_key(&path),
                    key: Some(path),
                }),
            }
        }
    }
}

/// The value with its type; of what no key accepts, the type alone.
fn kind(value: &Spanned<DeValue<'_>>) -> ValueKind {
    match value.get_ref() {
        DeValue::String(text) => ValueKind::String(text.to_string()),
        DeValue::Integer(digits) => {
            let number = i128::from_str_radix(digits.as_str(), digits.radix());
            ValueKind::I128(number.unwrap_or(i128::MAX))
        }
        DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => ValueKind::Boolean(*truth),
        DeValue::Datetime(_) => ValueKind::Nil,
        DeValue::Array(values) => {
            ValueKind::Array(values.iter().map(|value| Value::new(None, kind(value))).collect())
        }
        DeValue::Table(_) => ValueKind::Table(Map::new()),
    }
}

/// Reads the variables that begin with [`PREFIX`], and those that are other names of keys. Of what
/// is neither, a near miss is worth a warning; the rest is nobody's business here.
pub(super) fn environment(variables: impl Iterator<Item = (String, String)>) -> Layer<Environment> {
    let (own, others): (Vec<_>, Vec<_>) = variables.partition(|(name, _)| name.starts_with(PREFIX));
    let mut known = Known::default();
    for (name, value) in own {
        match KEYS.iter().find(|key| key.variable() == name) {
            Some(key) => known.set(key, name, value),
            None => known.faults.push(Fault {
                message: unknown_variable(&name),
                origin: Origin::Variable(name),
                key: None,
            }),
        }
    }
    for (name, value) in others {
        match names::key(&name) {
            Some(key) if known.origins.contains_key(key.path) => {
                let wins = key.variable();
                known.warnings.push(format!("{name} does not count, since {wins} is set"));
            }
            Some(key) => known.set(key, name, value),
            None => known.warnings.extend(
                names::meant(&name)
                    .map(|near| format!("{name} does not count; did you mean {near}?")),
            ),
        }
    }
    let source = Environment::with_prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator("__")
        .separator("__")
        .source(Some(known.values));
    let Known { origins, faults, warnings, .. } = known;
    Layer { source, origins, faults, warnings }
}

/// What is known of the environment.
#[derive(Default)]
struct Known {
    /// By the variable that begins with [`PREFIX`], whichever it was that was set.
    values: Map<String, String>,
    origins: Origins,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl Known {
    fn set(&mut self, key: &'static Key, name: String, value: String) {
        self.values.insert(key.variable(), value);
        self.origins.insert(key.path, Origin::Variable(name));
    }
}

fn unknown_key(path: &str) -> String {
    match nearest::key(path) {
        Some(near) => format!("unknown key; did you mean {}?", near.path),
        None => match path.split_once('.') {
            Some((section, _)) => {
                let keys = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
                format!("unknown key; [{section}] has {}", words(keys))
            }
            None => "unknown key, and outside of any section".to_owned(),
        },
    }
}

fn unknown_variable(name: &str) -> String {
    let path = name.trim_start_matches(PREFIX).to_lowercase().replace("__", ".");
    match nearest::key(&path).map(Key::variable) {
        Some(near) => format!("unknown variable; did you mean {near}?"),
        None => format!("unknown variable; the form is {PREFIX}SECTION__KEY"),
    }
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
