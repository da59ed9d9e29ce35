INSERT INTO page VALUES (1, 'a' || char(0) || 'b', 'x' || char(0)), (2, 'a', 'y');
