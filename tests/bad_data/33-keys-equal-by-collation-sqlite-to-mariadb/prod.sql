CREATE TABLE page (id int PRIMARY KEY, slug varchar(40) COLLATE utf8mb4_general_ci NOT NULL, title text);
CREATE TABLE color (code varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY, title text);
INSERT INTO page VALUES (1, 'spring', 'Spring');
INSERT INTO color VALUES ('red', 'Red');
INSERT INTO color VALUES ('rose', 'Rosé'), ('black', 'Black');
