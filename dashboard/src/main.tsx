import "./app.css"; document.getElementById("app")!.textContent = "DataStorm";
