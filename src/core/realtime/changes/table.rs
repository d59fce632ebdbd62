//! The one table that `postgres_changes` tells of: its columns in their order and with the types
//! that `PostgreSQL` gives them, whatever database the journal is in.

/// The table's name.
pub const TABLE: &str = "monitoring_events";

/// Where a client may look for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schema {
    /// Where it is.
    Monitoring,
    /// For clients that are bound to this name.
    Public,
}

impl Schema {
    /// In the order in which a pattern finds them.
    pub(super) const ALL: [Self; 2] = [Self::Monitoring, Self::Public];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitoring => "monitoring",
            Self::Public => "public",
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The primary key.
    Id,
    /// What happened.
    EventType,
    /// Event time.
    Timestamp,
    /// Where it comes from.
    Source,
    /// The event itself.
    Data,
    /// About the event.
    Metadata,
    /// Commit time.
    CreatedAt,
    /// Place in the journal.
    Seq,
    /// What kind of event.
    Category,
    /// Of the data.
    Checksum,
}

impl Column {
    /// All of them, in table order.
    pub const ALL: [Self; 10] = [
        Self::Id,
        Self::EventType,
        Self::Timestamp,
        Self::Source,
        Self::Data,
        Self::Metadata,
        Self::CreatedAt,
        Self::Seq,
        Self::Category,
        Self::Checksum,
    ];

    /// The column of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The name, which is also the member of the event's JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::EventType => "event_type",
            Self::Timestamp => "timestamp",
            Self::Source => "source",
            Self::Data => "data",
            Self::Metadata => "metadata",
            Self::CreatedAt => "created_at",
            Self::Seq => "seq",
            Self::Category => "category",
            Self::Checksum => "checksum",
        }
    }

    /// The type of its values.
    #[must_use]
    pub fn kind(self) -> Type {
        match self {
            Self::Id => Type::Uuid,
            Self::EventType | Self::Source => Type::Varchar,
            Self::Timestamp | Self::CreatedAt => Type::Timestamptz,
            Self::Data | Self::Metadata => Type::Jsonb,
            Self::Seq => Type::Int8,
            Self::Category | Self::Checksum => Type::Text,
        }
    }
}

/// A type of `PostgreSQL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// 128 bits.
    Uuid,
    /// Text with a limit.
    Varchar,
    /// A time, to the microsecond.
    Timestamptz,
    /// Parsed JSON.
    Jsonb,
    /// 64 bits, signed.
    Int8,
    /// Text.
    Text,
}

impl Type {
    /// Its name in `pg_type`, as messages have it.
    #[must_use]
    pub fn typname(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Varchar => "varchar",
            Self::Timestamptz => "timestamptz",
            Self::Jsonb => "jsonb",
            Self::Int8 => "int8",
            Self::Text => "text",
        }
    }

    /// Its name in SQL, as errors have it.
    #[must_use]
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Varchar => "character varying",
            Self::Timestamptz => "timestamp with time zone",
            Self::Jsonb => "jsonb",
            Self::Int8 => "bigint",
            Self::Text => "text",
        }
    }

    /// Whether patterns apply. The real server takes none for `varchar`, though every value of it
    /// is text: that only keeps clients from filtering by what they see.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar)
    }
}
