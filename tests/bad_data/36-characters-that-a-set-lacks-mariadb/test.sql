CREATE TABLE item (id int PRIMARY KEY, name varchar(20), note varchar(20), code varchar(20));
INSERT INTO item VALUES (1, 'żółw', 'déjà vu', 'a'), (2, '🛒', 'é', 'b'), (3, 'cart', 'żółw', 'c'), (4, 'euro', '€ and “quotes”', 'd'), (5, 'code', 'e', 'é'), (6, 'mojibake', 'Ã©', 'f');
