CREATE TABLE item (id int PRIMARY KEY, name varchar(50), stock int, price decimal(9,4), since date);
INSERT INTO item VALUES (1, 'one', 256, 1.00, '2026-01-01'), (2, 'longer than five', 2, 2, NULL), (3, 'minus', -1, 3, NULL), (4, 'fine', 4, 4.4999, NULL), (5, 'rich', 5, 12345, NULL), (6, 'zero', 6, 6, '0000-00-00');
