// The worker's process and JSON-RPC 2.0 with it, for Host.cs.
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

/// <summary>A worker's process, and JSON-RPC with it. Use it on the thread of the loop.</summary>
sealed class Worker
{
    readonly EventLoop loop;
    readonly Process process;
    readonly Stream input;
    readonly Thread log;
    readonly Dictionary<long, TaskCompletionSource<JToken>> pending =
        new Dictionary<long, TaskCompletionSource<JToken>>();
    long lastId;

    public event Action<string, JToken> Notified;
    /// <summary>Raised once, with the exit code, after the last message.</summary>
    public event Action<int> Exited;

    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be executed.</exception>
    public Worker(EventLoop loop, string command, IEnumerable<string> arguments, string folder)
    {
        this.loop = loop;
        process = Process.Start(new ProcessStartInfo(command)
        {
            Arguments = string.Join(" ", arguments.Select(Quote)),
            WorkingDirectory = folder,
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });
        input = process.StandardInput.BaseStream; // Its writer would encode as the console does.
        log = new Thread(CopyLog) { IsBackground = true };
        log.Start();
        new Thread(ReadMessages) { IsBackground = true }.Start();
    }

    /// <exception cref="RequestException">An error response, or the worker has ended.</exception>
    public Task<JToken> Request(string method, object parameters = null)
    {
        var response = new TaskCompletionSource<JToken>();
        pending.Add(++lastId, response);
        Send(new { jsonrpc = "2.0", id = lastId, method, @params = parameters ?? new { } });
        return response.Task;
    }

    public void Notify(string method) => Send(new { jsonrpc = "2.0", method });

    /// <summary>Not on the loop, which may be writing to a worker that does not read.</summary>
    public void KillAfter(TimeSpan time) => Task.Delay(time).ContinueWith(_ =>
    {
        if (!process.HasExited) process.Kill();
    }, TaskScheduler.Default);

    void Send(object message)
    {
        var body = Encoding.UTF8.GetBytes(JsonConvert.SerializeObject(message));
        var header = Encoding.ASCII.GetBytes($"Content-Length: {body.Length}\r\n\r\n");
        try
        {
            input.Write(header.Concat(body).ToArray(), 0, header.Length + body.Length);
            input.Flush();
        }
        catch (IOException) { /* The worker has ended; its exit fails what is unanswered. */ }
    }

    /// <summary>
    /// Waits until each message is handled, so that a host that falls behind reads less. The worker
    /// then keeps everybody's latest state instead of every change.
    /// </summary>
    void ReadMessages()
    {
        try
        {
            var output = new BufferedStream(process.StandardOutput.BaseStream);
            for (var body = ReadBody(output); body != null; body = ReadBody(output))
            {
                // Json.NET would turn a text that looks like a time into a DateTime.
                var reader = new JsonTextReader(new StringReader(Encoding.UTF8.GetString(body)))
                {
                    DateParseHandling = DateParseHandling.None,
                };
                var message = JObject.Load(reader);
                loop.Send(() => Handle(message));
            }
        }
        catch (Exception error) when (error is FormatException || error is JsonException)
        {
            Console.Error.WriteLine($"host: stdout is not the protocol: {error.Message}");
            process.Kill();
        }
        process.WaitForExit();
        log.Join(TimeSpan.FromSeconds(1));
        loop.Send(() =>
        {
            Exited?.Invoke(process.ExitCode);
            foreach (var response in pending.Values)
                response.SetException(new RequestException("The worker has ended."));
        });
    }

    void Handle(JObject message)
    {
        var id = message["id"];
        if (message["method"] != null)
            Notified?.Invoke((string)message["method"], message["params"]);
        else if (id?.Type == JTokenType.Integer && pending.TryGetValue((long)id, out var response))
        {
            pending.Remove((long)id);
            if (message["error"] is JObject error)
                response.SetException(RequestException.From(error));
            else
                response.SetResult(message["result"]);
        }
    }

    /// <summary>The bytes of the next message, or null at the end of the stream.</summary>
    static byte[] ReadBody(Stream output)
    {
        int length = -1;
        for (var line = ReadLine(output); line != ""; line = ReadLine(output))
        {
            if (line == null) return null;
            if (line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                length = int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture);
        }
        if (length < 0) throw new FormatException("a header has no Content-Length");
        var body = new byte[length];
        for (int filled = 0, count; filled < length; filled += count)
        {
            count = output.Read(body, filled, length - filled);
            if (count == 0) return null;
        }
        return body;
    }

    static string ReadLine(Stream output)
    {
        var line = new StringBuilder();
        for (var next = output.ReadByte(); next >= 0; next = output.ReadByte())
        {
            if (next == '\n') return line.ToString().TrimEnd('\r');
            line.Append((char)next);
        }
        return null;
    }

    /// <summary>The worker's log is on its stderr.</summary>
    void CopyLog()
    {
        try { process.StandardError.BaseStream.CopyTo(Console.OpenStandardError()); }
        catch (IOException) { /* Nobody reads the stderr of this host. */ }
    }

    /// <summary>For CommandLineToArgvW. .NET has ArgumentList, .NET Framework has not.</summary>
    static string Quote(string argument)
    {
        var quoted = new StringBuilder("\"");
        var backslashes = 0;
        foreach (var character in argument)
        {
            if (character == '"') quoted.Append('\\', backslashes + 1);
            backslashes = character == '\\' ? backslashes + 1 : 0;
            quoted.Append(character);
        }
        return quoted.Append('\\', backslashes).Append('"').ToString();
    }
}

/// <summary>An error response, or the worker has ended without one.</summary>
sealed class RequestException : Exception
{
    public RequestException(string message) : base(message) { }

    public static RequestException From(JObject error) =>
        new RequestException($"{error["message"]} ({error["code"]})");
}

/// <summary>
/// Runs everything on one thread in the order in which it came: nothing needs a lock, and no change
/// is overtaken by an older one. In WPF and WinForms, the user interface's thread does this.
/// </summary>
sealed class EventLoop : SynchronizationContext
{
    readonly BlockingCollection<Action> actions = new BlockingCollection<Action>();
    bool hasEnded;

    public void Post(Action action) => actions.Add(action);

    public override void Post(SendOrPostCallback callback, object state) =>
        Post(() => callback(state));

    /// <summary>Returns when the action has run. Not for the thread of the loop.</summary>
    public void Send(Action action)
    {
        using (var done = new ManualResetEventSlim())
        {
            Post(() => { action(); done.Set(); });
            done.Wait();
        }
    }

    public void Run()
    {
        SetSynchronizationContext(this);
        while (!hasEnded) actions.Take()();
    }

    public void End() => hasEnded = true;
}
