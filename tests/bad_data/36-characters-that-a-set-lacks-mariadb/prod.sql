CREATE TABLE item (id int PRIMARY KEY, name varchar(20) CHARACTER SET utf8mb3, note varchar(20) CHARACTER SET latin1 COLLATE latin1_bin, code varchar(20) CHARACTER SET ascii COLLATE ascii_bin);
INSERT INTO item VALUES (1, 'żółw', 'déjà vu', 'a');
