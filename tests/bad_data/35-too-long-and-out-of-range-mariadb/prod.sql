CREATE TABLE item (id int PRIMARY KEY, name varchar(5), stock tinyint unsigned, price decimal(5,2), since date);
INSERT INTO item VALUES (1, 'one', 1, 1.00, '2026-01-01');
