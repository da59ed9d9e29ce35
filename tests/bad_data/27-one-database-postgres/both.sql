CREATE TABLE page (id int PRIMARY KEY, slug text NOT NULL UNIQUE, title text);
