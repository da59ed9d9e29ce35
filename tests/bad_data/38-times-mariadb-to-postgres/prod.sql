CREATE TABLE item (id int PRIMARY KEY, name text, made timestamptz, seen timestamp(3), opens time, size real);
INSERT INTO item VALUES (1, 'same', '2026-01-01 10:00:00+00', '2026-01-01 10:00:00.123', '10:00', 0.1);
