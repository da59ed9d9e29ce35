INSERT INTO page VALUES (char(27) || '[31mred', 'a'), ('two
lines', 'b'), ('comma, and \ and "quote"', 'c'), ('', 'd'), (' ', 'e'), ('a@b', 'f'), ('a/b', 'g'), ('all', 'h'), ('*', 'i');
