@echo off
rem Serves on Windows, at http://localhost:8080/, for one machine: see docs/operating.md, Windows.
rem It serves the bundled demonstration model, or the prepared one that MODEL_PATH names.
setlocal
cd /d "%~dp0"
if not defined PYTHON set PYTHON=py -3
if not defined PORT set PORT=8080
if not exist .venv\Scripts\python.exe %PYTHON% -m venv .venv || exit /b 1
.venv\Scripts\python -m pip install --quiet --no-deps --require-hashes -r requirements\serve.txt || exit /b 1
echo page: http://localhost:%PORT%/
.venv\Scripts\python -m inference_app serve --waitress
