//! What the table of settings becomes: structs with defaults, and one [`Key`] a line.

use super::rules::Rule;

/// One setting, as documentation and messages need it.
pub struct Key {
    /// The section it stands in.
    pub section: &'static str,
    /// Its name within the section.
    pub name: &'static str,
    /// `section.name`.
    pub path: &'static str,
    /// What it means: a line of text, or a few.
    pub doc: &'static [&'static str],
    /// When a change takes effect.
    pub change: Change,
    pub(super) rule: &'static (dyn AnyRule + Sync),
}

/// When a changed setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// With the next reload.
    Live,
    /// With the next start.
    Restart,
}

impl Key {
    /// What it accepts, to follow "must be".
    #[must_use]
    pub fn allowed(&self) -> String {
        self.rule.allowed()
    }

    /// Its default, as TOML.
    #[must_use]
    pub fn default(&self) -> String {
        self.rule.default()
    }

    /// What it is measured in: `bytes`, `duration`, or nothing.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        self.rule.unit()
    }

    /// Whether nobody may see its value: `Settings::show` hides it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.rule.is_secret()
    }

    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{}{}__{}", super::PREFIX, self.section, self.name).to_uppercase()
    }
}

/// A [`Rule`] without its type.
pub(super) trait AnyRule {
    fn allowed(&self) -> String;
    fn default(&self) -> String;
    fn unit(&self) -> Option<&'static str>;
    fn is_secret(&self) -> bool;
}

impl<R: Rule> AnyRule for R {
    fn allowed(&self) -> String {
        Rule::allowed(self)
    }

    fn default(&self) -> String {
        self.show(&Rule::default(self))
    }

    fn unit(&self) -> Option<&'static str> {
        Rule::unit(self)
    }

    fn is_secret(&self) -> bool {
        Rule::is_secret(self)
    }
}

/// The rule itself, once the compiler knows that it makes `T`s.
pub(super) const fn typed<T, R: Rule<Value = T>>(rule: R) -> R {
    rule
}

/// Makes everything of the table that stands in [`super::keys`].
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $struct:ident {
            $( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $rule:expr => $change:ident; )+
        }
    )+) => {
        /// Everything that can be set; each value is within its range.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $section_doc])+ pub $section: $struct, )+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $struct {
                $(
                    $(#[doc = $doc])+
                    #[doc = concat!("\n\nDefault and range: `", stringify!($rule), "`.")]
                    pub $name: $type,
                )+
            }

            impl Default for $struct {
                fn default() -> Self {
                    Self { $( $name: Rule::default(&typed::<$type, _>($rule)), )+ }
                }
            }
        )+

        impl Settings {
            /// Takes every key from the reader, which keeps the faults.
            pub(super) fn read(reader: &mut super::load::Reader<'_>) -> Self {
                Self {
                    $( $section: $struct {
                        $( $name: reader.read(concat!(stringify!($section), ".", stringify!($name)), &typed::<$type, _>($rule)), )+
                    }, )+
                }
            }

            /// The keys whose values differ, in the order of [`KEYS`].
            #[must_use]
            pub fn differing(&self, other: &Self) -> Vec<&'static str> {
                let mut keys = Vec::new();
                $( $(
                    if self.$section.$name != other.$section.$name {
                        keys.push(concat!(stringify!($section), ".", stringify!($name)));
                    }
                )+ )+
                keys
            }

            /// Takes back what takes effect with the next start only: what runs has it otherwise.
            /// The keys that were, in the order of [`KEYS`].
            pub fn keep_running(&mut self, running: &Self) -> Vec<&'static str> {
                let mut keys = Vec::new();
                $( $(
                    if matches!($crate::settings::table::Change::$change, $crate::settings::table::Change::Restart)
                        && self.$section.$name != running.$section.$name
                    {
                        self.$section.$name.clone_from(&running.$section.$name);
                        keys.push(concat!(stringify!($section), ".", stringify!($name)));
                    }
                )+ )+
                keys
            }

            /// Every value as TOML, without secrets, in the order of [`KEYS`].
            #[must_use]
            pub fn show(&self) -> Vec<String> {
                vec![$( $( typed::<$type, _>($rule).show(&self.$section.$name), )+ )+]
            }
        }

        /// Every section with its meaning, in the table's order.
        pub static SECTIONS: &[(&str, &[&str])] =
            &[$( (stringify!($section), &[$( $section_doc ),+]), )+];

        /// Every key, in the table's order.
        pub static KEYS: &[$crate::settings::table::Key] = &[$( $(
            $crate::settings::table::Key {
                section: stringify!($section),
                name: stringify!($name),
                path: concat!(stringify!($section), ".", stringify!($name)),
                doc: &[$( $doc ),+],
                change: $crate::settings::table::Change::$change,
                rule: {
                    static RULE: &(dyn $crate::settings::table::AnyRule + Sync) = &typed::<$type, _>($rule);
                    RULE
                },
            },
        )+ )+];
    };
}
pub(super) use settings;
