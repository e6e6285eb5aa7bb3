// The host of Host.cs with StreamJsonRpc, for .NET 8 or later: the same arguments and output.
//
// NOT RUN: the machines on which the worker is developed have no .NET. It is written from the
// documentation of StreamJsonRpc 2.26 (https://microsoft.github.io/vs-streamjsonrpc). Host.cs and
// Worker.cs, which do the same, are run by the tests.
using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using StreamJsonRpc;

if (Options.Parse(args) is not { } options)
{
    Console.Error.WriteLine("host: --manifest, --settings and an address are required.");
    return 2;
}
new Host(options).Run();
return 0;

/// <summary>Launches the worker, shows presence, and launches it again after a failure.</summary>
sealed class Host(Options options)
{
    const int MaxWaitMs = 3000;
    const int TimerToleranceMs = 10;
    static readonly TimeSpan SubscribeAgainAfter = TimeSpan.FromSeconds(5);
    static readonly TimeSpan KillAfter = TimeSpan.FromSeconds(5);
    static readonly TimeSpan StableAfter = TimeSpan.FromMinutes(1);
    static readonly Encoding Utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
    static readonly TextWriter Output =
        new StreamWriter(Console.OpenStandardOutput(), Utf8) { AutoFlush = true, NewLine = "\n" };

    readonly EventLoop loop = new();
    readonly Dictionary<string, PresenceRecord> shown = [];
    readonly HashSet<string> refreshing = [];
    readonly List<PresenceChanged> early = [];
    readonly string folder = Path.GetDirectoryName(Path.GetFullPath(options.Manifest))!;
    readonly JsonNode manifest = JsonNode.Parse(File.ReadAllText(options.Manifest))!["worker"]!;
    Process? process; // null while none runs
    JsonRpc? rpc;
    string? subscriptionId;
    int failures;
    bool isStopping;

    public void Run()
    {
        void StopOn(PosixSignalContext signal)
        {
            signal.Cancel = true;
            loop.Post(Stop);
        }
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, StopOn);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, StopOn);
        ShowNotReady();
        loop.Post(Launch);
        new Thread(ReadOperator) { IsBackground = true }.Start();
        loop.Run();
    }

    void Launch()
    {
        if (isStopping) return;
        // With a slash, it is a path relative to the manifest; else a program on the PATH.
        var command = (string)manifest["command"]!;
        if (command.Contains('/')) command = Path.GetFullPath(Path.Combine(folder, command));
        string[] arguments =
        [
            .. manifest["args"]!.AsArray().Select(each => (string)each!),
            (string)manifest["settingsArgument"]!, Path.GetFullPath(options.Settings),
            (string)manifest["hostPidArgument"]!, $"{Environment.ProcessId}",
            .. options.WorkerArguments,
        ];
        try
        {
            process = Process.Start(new ProcessStartInfo(command, arguments)
            {
                WorkingDirectory = folder,
                CreateNoWindow = true,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardErrorEncoding = Encoding.UTF8,
            })!;
        }
        catch (Win32Exception error)
        {
            Remark($"{command}: {error.Message}");
            _ = LaunchLater();
            return;
        }
        process.ErrorDataReceived += (_, record) =>
        {
            if (record.Data != null) Console.Error.WriteLine(record.Data);
        };
        process.BeginErrorReadLine();
        Connect(process);
        _ = Introduce(rpc!);
        _ = Subscribe(rpc!);
        _ = OnExit(process, Stopwatch.StartNew());
    }

    void Connect(Process worker)
    {
        var formatter = new SystemTextJsonFormatter();
        formatter.JsonSerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        rpc = new JsonRpc(new HeaderDelimitedMessageHandler(
            worker.StandardInput.BaseStream, worker.StandardOutput.BaseStream, formatter))
        {
            // Handlers run in the order of the notifications, on the thread of the loop.
            SynchronizationContext = loop,
        };
        rpc.AddLocalRpcTarget(new Notifications(OnChanged));
        rpc.Disconnected += (_, lost) =>
        {
            // The end of its stdin would end the worker with 0, after which nobody launches it.
            if (lost.Reason is DisconnectedReason.ParseError
                or DisconnectedReason.RemoteProtocolViolation) worker.Kill();
        };
        rpc.StartListening();
    }

    async Task LaunchLater()
    {
        var delays = manifest["restart"]!["delaysSeconds"]!.AsArray();
        var delay = (double)delays[Math.Min(failures++, delays.Count - 1)]!;
        await Task.Delay(TimeSpan.FromSeconds(delay));
        Launch();
    }

    /// <summary>Optional: presence comes without it.</summary>
    async Task Introduce(JsonRpc connection)
    {
        try
        {
            var host = new { name = "Example host", version = "2024.Winter.1" };
            var result = await connection.InvokeWithParameterObjectAsync<JsonElement>(
                "initialize", new { protocolVersion = "1.1", host });
            Remark($"This is {result.GetProperty("worker")}.");
        }
        catch (Exception error) when (IsFailure(error)) { Remark(error.Message); }
    }

    /// <summary>A subscription ends with its process, so each worker gets a new one.</summary>
    async Task Subscribe(JsonRpc connection)
    {
        for (; rpc == connection; await Task.Delay(SubscribeAgainAfter))
        {
            try
            {
                var result = await connection.InvokeWithParameterObjectAsync<Subscription>(
                    "presence/subscribe", new { uris = options.Addresses });
                subscriptionId = result.SubscriptionId;
                foreach (var record in result.Records) Show(record);
                foreach (var changed in early) OnChanged(changed);
                early.Clear();
                return;
            }
            catch (Exception error) when (IsFailure(error)) { Remark(error.Message); }
        }
    }

    /// <summary>
    /// The worker sends no change before the response to its subscription. The library completes
    /// responses on other threads, so that a change may be handled first; it waits for its turn.
    /// </summary>
    void OnChanged(PresenceChanged changed)
    {
        if (subscriptionId == null) early.Add(changed);
        else if (changed.SubscriptionIds.Contains(subscriptionId))
            foreach (var record in changed.Changes) Show(record);
    }

    async Task OnExit(Process worker, Stopwatch runs)
    {
        await worker.WaitForExitAsync();
        rpc!.Dispose(); // What is unanswered fails with ConnectionLostException.
        (process, rpc, subscriptionId) = (null, null, null);
        early.Clear();
        if (isStopping)
        {
            loop.End();
            return;
        }
        Remark($"The worker has ended with exit code {worker.ExitCode}.");
        ShowNotReady(); // Nobody confirms any longer what was shown.
        if (runs.Elapsed >= StableAfter) failures = 0;
        if (worker.ExitCode != 0 && (string)manifest["restart"]!["policy"]! == "on-failure")
            await LaunchLater();
    }

    void ReadOperator()
    {
        var input = new StreamReader(Console.OpenStandardInput(), Utf8);
        while (input.ReadLine() is { } line)
            if (line.Trim() is { Length: > 0 } address) loop.Post(() => _ = Refresh(address));
        loop.Post(Stop);
    }

    async Task Refresh(string address)
    {
        if (!refreshing.Add(address)) return; // An unanswered request is not repeated.
        var askedAt = DateTimeOffset.UtcNow;
        var waited = Stopwatch.StartNew();
        try
        {
            if (rpc == null) throw new ConnectionLostException("There is no worker at the moment.");
            var record = await rpc.InvokeWithParameterObjectAsync<PresenceRecord>(
                "presence/get", new { uri = address, maxAgeSeconds = 0, maxWaitMs = MaxWaitMs });
            var isInTime = waited.ElapsedMilliseconds < MaxWaitMs - TimerToleranceMs;
            Show(record, isInTime && record.ObservedAt >= askedAt ? "fresh" : "not fresh");
        }
        catch (Exception error) when (IsFailure(error))
        {
            Remark(error.Message);
            var record = shown.GetValueOrDefault(address) ?? NotReady(address);
            Output.WriteLine($"{Line(record)}\tnot fresh");
        }
        finally { refreshing.Remove(address); }
    }

    static bool IsFailure(Exception error) =>
        error is RemoteRpcException or ObjectDisposedException;

    static PresenceRecord NotReady(string address) => new(address, "unknown", "notReady", null);

    static string Line(PresenceRecord record) =>
        $"{record.Uri}\t{record.State}\t{record.Reason ?? "-"}";

    void ShowNotReady()
    {
        foreach (var address in options.Addresses) Show(NotReady(address));
    }

    void Show(PresenceRecord record, string? freshness = null)
    {
        var before = shown.GetValueOrDefault(record.Uri);
        // The response to a refresh may be handled after a later change (see OnChanged).
        var isOlder = before?.ObservedAt > record.ObservedAt;
        var isChange = !isOlder && (before == null || Line(before) != Line(record));
        if (!isOlder && options.Addresses.Contains(record.Uri)) shown[record.Uri] = record;
        if (freshness != null) Output.WriteLine($"{Line(record)}\t{freshness}");
        else if (isChange) Output.WriteLine(Line(record));
    }

    async void Stop()
    {
        if (isStopping) return;
        isStopping = true;
        if (process is not { } worker)
        {
            loop.End();
            return;
        }
        _ = Task.Delay(KillAfter).ContinueWith(_ => worker.Kill(), TaskScheduler.Default);
        try
        {
            await rpc!.InvokeAsync("shutdown");
            await rpc!.NotifyAsync("exit");
        }
        catch (Exception error) when (IsFailure(error)) { Remark(error.Message); }
    }

    static void Remark(string text) => Console.Error.WriteLine($"host: {text}");
}

// A class for all parameters: StreamJsonRpc does not call a method with fewer parameters than the
// notification has members, and a newer worker may send more.
sealed record PresenceChanged(string[] SubscriptionIds, long Sequence, PresenceRecord[] Changes);
sealed record PresenceRecord(string Uri, string State, string? Reason, DateTimeOffset? ObservedAt);
sealed record Subscription(string SubscriptionId, PresenceRecord[] Records);

sealed class Notifications(Action<PresenceChanged> onChanged)
{
    [JsonRpcMethod("presence/changed", UseSingleObjectParameterDeserialization = true)]
    public void Changed(PresenceChanged changed) => onChanged(changed);
}

sealed class Options
{
    public string Manifest = "", Settings = "";
    public readonly List<string> WorkerArguments = [];
    public string[] Addresses = [];

    public static Options? Parse(string[] args)
    {
        var options = new Options();
        var index = 0;
        for (; index + 1 < args.Length && args[index].StartsWith("--"); index += 2)
        {
            if (args[index] == "--")
            {
                index += 1;
                break;
            }
            var value = args[index + 1];
            if (args[index] == "--manifest") options.Manifest = value;
            else if (args[index] == "--settings") options.Settings = value;
            else if (args[index] == "--worker-argument") options.WorkerArguments.Add(value);
            else return null;
        }
        options.Addresses = args[index..];
        return options is { Manifest: "" } or { Settings: "" } or { Addresses: [] }
            ? null
            : options;
    }
}

/// <summary>
/// Runs everything on one thread in the order in which it came: nothing needs a lock. In WPF and
/// WinForms, the user interface's thread does this.
/// </summary>
sealed class EventLoop : SynchronizationContext
{
    readonly BlockingCollection<Action> actions = [];
    bool hasEnded;

    public void Post(Action action) => actions.Add(action);

    public override void Post(SendOrPostCallback callback, object? state) =>
        Post(() => callback(state));

    public void Run()
    {
        SetSynchronizationContext(this);
        while (!hasEnded) actions.Take()();
    }

    public void End() => hasEnded = true;
}
