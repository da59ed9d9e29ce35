UPDATE page SET title = '<script>alert(1)</script><img src=https://beacon.example/x.png>', body = 'line one
```
</details></details>
## Approved by @everyone
````````
[click](javascript:alert(1)) ![](https://beacon.example/y.png) #1 owner/repo#2
```diff
+ not a change', data = '{"<b>": "@everyone", "`": "```"}' WHERE id = 1;
INSERT INTO page VALUES (2, '<!-- @everyone | --> `x` ```', '[a](javascript:b) | <b> @here', NULL, NULL);
