CREATE TABLE page (id int PRIMARY KEY, slug varchar(40) COLLATE utf8mb4_general_ci NOT NULL, title text);
CREATE TABLE color (code varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY, title text);
