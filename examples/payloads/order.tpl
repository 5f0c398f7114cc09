{{! An order as text: `datastorm produce --payload template:examples/payloads/order.tpl --dry-run 3` }}
{{part line}}{"item":"{{words 1 2}}","amount":{{uniform 1 9}}}{{end}}
{"id":{{sequence}},"at":"{{timestamp iso}}","user":"u{{zipf 1.1 100000}}","price":{{normal 20 5 decimals=2 min=0}},"colour":"{{choice red:3 green "dark blue":2}}","lines":[{{repeat 1 3 ","}}{{line}}{{end}}],"trace":"{{uuid}}"}
