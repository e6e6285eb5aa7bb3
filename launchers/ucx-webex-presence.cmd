@echo off
rem Runs the command line of the Webex presence worker with the Node.js runtime of this folder.
rem Arguments and exit code pass unchanged. The environment of the caller is left alone.
setlocal EnableExtensions DisableDelayedExpansion
goto start

rem If cmd found this file on the PATH by a quoted name, %%~dp0 is right only within a call.
:locate
set "UCX_WEBEX_PRESENCE_FOLDER=%~dp0"
goto :eof

:incomplete
>&2 echo ucx-webex-presence: runtime\node.exe or dist\cli.cjs is missing beside this file, so the folder
>&2 echo is incomplete. An antivirus program may have removed it. Unpack the release again; presence
>&2 echo works only from a complete folder. The folder is:
>&2 echo "%UCX_WEBEX_PRESENCE_FOLDER%"
exit /b 1

:start
call :locate
if not exist "%UCX_WEBEX_PRESENCE_FOLDER%runtime\node.exe" goto incomplete
if not exist "%UCX_WEBEX_PRESENCE_FOLDER%dist\cli.cjs" goto incomplete
rem The last line: cmd returns the exit code of the last program, even to a caller whose environment
rem has a variable named ERRORLEVEL. No `call`, which would take carets and percent signs away.
"%UCX_WEBEX_PRESENCE_FOLDER%runtime\node.exe" "%UCX_WEBEX_PRESENCE_FOLDER%dist\cli.cjs" %*
