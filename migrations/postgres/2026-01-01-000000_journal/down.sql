-- The schema holds the record of migrations; roles and publication may be in use by others.
DROP TABLE monitoring.verdicts;
DROP TABLE monitoring.audit_log;
DROP TABLE monitoring.flag_overrides;
DROP TABLE monitoring.dead_letters;
DROP TABLE monitoring.cursors;
DROP TABLE monitoring.journal;
DROP TABLE monitoring.monitoring_events;
