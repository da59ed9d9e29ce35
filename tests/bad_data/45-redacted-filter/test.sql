INSERT INTO page VALUES (1, 'a', 'abc'), (2, 'b', 'bcd');
