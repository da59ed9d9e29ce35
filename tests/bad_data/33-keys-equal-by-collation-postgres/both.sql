CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE page (id int PRIMARY KEY, slug text NOT NULL COLLATE nocase, title text);
CREATE TABLE color (code text COLLATE nocase PRIMARY KEY, title text);
