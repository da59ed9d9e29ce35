INSERT INTO page VALUES (1, '=cmd()', '=cmd|'' /C calc''!A0'), (2, '+1', '-1+1'), (3, '@SUM(1)', '');
