DROP TABLE verdicts;
DROP TABLE audit_log;
DROP TABLE flag_overrides;
DROP TABLE dead_letters;
DROP TABLE cursors;
DROP TABLE journal;
DROP TABLE monitoring_events;
