// A complete host for the Webex presence worker, with .NET and Newtonsoft.Json alone; in C# 7, that
// Mono and .NET Framework have, too. Worker.cs has the process and JSON-RPC, this file what a host
// does with them. ../README.md says how to run it.
//
//   Host --manifest <plugin.manifest.json> --settings <Presence.ini>
//        [--worker-argument <argument>]... [--] <address>...
//
// stdout: a line for each change of what an operator sees, "address<Tab>state<Tab>reason or -".
// stdin: an address asks for presence as Webex has it now, as before a transfer; its line has a
// fourth column, "fresh" or "not fresh". The end of stdin, Ctrl+C and SIGTERM end the host.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;

/// <summary>Launches the worker, shows presence, and launches it again after a failure.</summary>
sealed class Host
{
    const int MaxWaitMs = 3000;
    const int TimerToleranceMs = 10;
    static readonly TimeSpan SubscribeAgainAfter = TimeSpan.FromSeconds(5);
    static readonly TimeSpan KillAfter = TimeSpan.FromSeconds(5);
    static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(60);
    static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
    static readonly TextWriter Output =
        new StreamWriter(Console.OpenStandardOutput(), Utf8) { AutoFlush = true, NewLine = "\n" };

    readonly EventLoop loop = new EventLoop();
    readonly ManualResetEventSlim ended = new ManualResetEventSlim();
    readonly JToken manifest;
    readonly string folder, settingsPath;
    readonly List<string> workerArguments = new List<string>(), addresses = new List<string>();
    readonly Dictionary<string, string> shown = new Dictionary<string, string>();
    readonly HashSet<string> refreshing = new HashSet<string>();
    Worker worker; // null while none runs
    string subscriptionId;
    int failures;
    bool isStopping;

    static int Main(string[] args)
    {
        try
        {
            new Host(args).Run();
            return 0;
        }
        catch (ArgumentException error)
        {
            Remark(error.Message);
            return 2;
        }
    }

    Host(string[] args)
    {
        string manifestPath = null;
        var rest = new Queue<string>(args);
        while (rest.Count > 1 && rest.Peek().StartsWith("--", StringComparison.Ordinal))
        {
            var option = rest.Dequeue();
            if (option == "--") break;
            else if (option == "--manifest") manifestPath = rest.Dequeue();
            else if (option == "--settings") settingsPath = Path.GetFullPath(rest.Dequeue());
            else if (option == "--worker-argument") workerArguments.Add(rest.Dequeue());
            else throw new ArgumentException($"There is no option {option}.");
        }
        addresses.AddRange(rest);
        if (manifestPath == null || settingsPath == null || addresses.Count == 0)
            throw new ArgumentException("--manifest, --settings and an address are required.");
        folder = Path.GetDirectoryName(Path.GetFullPath(manifestPath));
        manifest = JObject.Parse(File.ReadAllText(manifestPath))["worker"];
    }

    void Run()
    {
        if (!StopOnSignalsOfMono())
        {
            Console.CancelKeyPress += (_, signal) =>
            {
                signal.Cancel = true;
                loop.Post(Stop);
            };
        }
        // SIGTERM in .NET, and the end of Main, when there is nothing to wait for.
        AppDomain.CurrentDomain.ProcessExit += (_, signal) =>
        {
            loop.Post(Stop);
            if (ended.Wait(KillAfter + KillAfter)) Environment.ExitCode = 0;
        };
        ShowNotReady();
        loop.Post(Launch);
        new Thread(ReadOperator) { IsBackground = true }.Start();
        loop.Run();
        ended.Set();
    }

    /// <summary>Mono has a class for signals, in an assembly that need not be there.</summary>
    bool StopOnSignalsOfMono()
    {
        const string Posix = "Mono.Posix, Version=4.0.0.0, PublicKeyToken=0738eb9f132ed756";
        if (!(Type.GetType($"Mono.Unix.UnixSignal, {Posix}") is Type unixSignal)) return false;
        var signum = Type.GetType($"Mono.Unix.Native.Signum, {Posix}");
        foreach (var name in new[] { "SIGTERM", "SIGINT" })
        {
            var number = Enum.Parse(signum, name);
            var signal = (WaitHandle)Activator.CreateInstance(unixSignal, number);
            new Thread(() => StopAfter(signal)) { IsBackground = true }.Start();
        }
        return true;
    }

    void StopAfter(WaitHandle signal)
    {
        signal.WaitOne();
        loop.Post(Stop);
    }

    void Launch()
    {
        if (isStopping) return;
        var runs = Stopwatch.StartNew();
        // With a slash, it is a path relative to the manifest; else a program on the PATH.
        var command = (string)manifest["command"];
        if (command.Contains("/")) command = Path.GetFullPath(Path.Combine(folder, command));
        var arguments = manifest["args"].Select(each => (string)each).Concat(new[]
        {
            (string)manifest["settingsArgument"], settingsPath,
            (string)manifest["hostPidArgument"], $"{Process.GetCurrentProcess().Id}",
        }).Concat(workerArguments);
        try
        {
            worker = new Worker(loop, command, arguments, folder);
            worker.Notified += OnNotification;
            worker.Exited += exitCode => OnExit(exitCode, runs.Elapsed);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            Remark($"{command}: {error.Message}");
            LaunchLater();
            return;
        }
        Introduce();
        Subscribe();
    }

    async void LaunchLater()
    {
        var delays = manifest["restart"]["delaysSeconds"].Select(each => (double)each).ToArray();
        var delay = delays[Math.Min(failures++, delays.Length - 1)];
        await Task.Delay(TimeSpan.FromSeconds(delay));
        Launch();
    }

    /// <summary>Optional: presence comes without it.</summary>
    async void Introduce()
    {
        try
        {
            var host = new { name = "Example host", version = "2024.Winter.1" };
            var result = await worker.Request("initialize", new { protocolVersion = "1.1", host });
            Remark($"This is {result["worker"]["name"]} {result["worker"]["version"]}.");
        }
        catch (RequestException error) { Remark(error.Message); }
    }

    /// <summary>A subscription ends with its process, so each worker gets a new one.</summary>
    async void Subscribe()
    {
        for (var subscriber = worker; worker == subscriber; await Task.Delay(SubscribeAgainAfter))
        {
            try
            {
                var result = await worker.Request("presence/subscribe", new { uris = addresses });
                subscriptionId = (string)result["subscriptionId"];
                foreach (var record in result["records"]) Show(record);
                return;
            }
            catch (RequestException error) { Remark(error.Message); }
        }
    }

    void OnNotification(string method, JToken parameters)
    {
        // Ignores what it does not know: a newer worker may send more.
        if (method != "presence/changed") return;
        if (parameters["subscriptionIds"].All(id => (string)id != subscriptionId)) return;
        foreach (var record in parameters["changes"]) Show(record);
    }

    void OnExit(int exitCode, TimeSpan ran)
    {
        worker = null;
        subscriptionId = null;
        if (isStopping)
        {
            loop.End();
            return;
        }
        Remark($"The worker has ended with exit code {exitCode}.");
        ShowNotReady(); // Nobody confirms any longer what was shown.
        if (ran >= StableAfter) failures = 0;
        if (exitCode != 0 && (string)manifest["restart"]["policy"] == "on-failure") LaunchLater();
    }

    void ReadOperator()
    {
        var input = new StreamReader(Console.OpenStandardInput(), Utf8);
        for (var line = input.ReadLine(); line != null; line = input.ReadLine())
        {
            var address = line.Trim();
            if (address != "") loop.Post(() => Refresh(address));
        }
        loop.Post(Stop);
    }

    async void Refresh(string address)
    {
        if (!refreshing.Add(address)) return; // An unanswered request is not repeated.
        var askedAt = DateTimeOffset.UtcNow;
        var waited = Stopwatch.StartNew();
        try
        {
            if (worker == null) throw new RequestException("There is no worker at the moment.");
            var parameters = new { uri = address, maxAgeSeconds = 0, maxWaitMs = MaxWaitMs };
            var record = await worker.Request("presence/get", parameters);
            var isInTime = waited.ElapsedMilliseconds < MaxWaitMs - TimerToleranceMs;
            var isFresh = isInTime && (string)record["observedAt"] is string time
                && DateTimeOffset.Parse(time, CultureInfo.InvariantCulture) >= askedAt;
            Show(record, isFresh ? "fresh" : "not fresh");
        }
        catch (RequestException error)
        {
            Remark(error.Message);
            var line = shown.TryGetValue(address, out var known) ? known : NotReady(address);
            Output.WriteLine($"{line}\tnot fresh");
        }
        finally { refreshing.Remove(address); }
    }

    static string NotReady(string address) => $"{address}\tunknown\tnotReady";

    void ShowNotReady()
    {
        foreach (var address in addresses) Show(address, NotReady(address));
    }

    void Show(JToken record, string freshness = null)
    {
        var address = (string)record["uri"];
        var line = $"{address}\t{record["state"]}\t{(string)record["reason"] ?? "-"}";
        Show(address, line, freshness);
    }

    void Show(string address, string line, string freshness = null)
    {
        var isChange = !shown.TryGetValue(address, out var before) || before != line;
        if (addresses.Contains(address)) shown[address] = line;
        if (freshness != null) Output.WriteLine($"{line}\t{freshness}");
        else if (isChange) Output.WriteLine(line);
    }

    async void Stop()
    {
        if (isStopping) return;
        isStopping = true;
        if (worker == null)
        {
            loop.End();
            return;
        }
        worker.KillAfter(KillAfter);
        try { await worker.Request("shutdown"); }
        catch (RequestException error) { Remark(error.Message); }
        worker?.Notify("exit");
    }

    static void Remark(string text) => Console.Error.WriteLine($"host: {text}");
}
