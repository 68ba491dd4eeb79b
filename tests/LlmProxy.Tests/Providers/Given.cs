using System.Buffers;
using System.Text;
using CsCheck;
using LlmProxy.Http;
using LlmProxy.Providers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LlmProxy.Tests.Providers;

/// <summary>Providers as a file describes them, and requests as Kestrel would hand them over.</summary>
internal static class Given
{
    public const string FileName = "providers.yaml";

    private static readonly ProviderOverrides NoOverrides = new(null, AllowHttp: false, TimeSpan.FromHours(1));

    /// <summary>A provider that allows everything, with further lines of its section.</summary>
    public static Provider Provider(string lines = "") => File(FileWith(lines)).Providers[0];

    public static ProviderFile File(string yaml, ProviderOverrides? overrides = null)
    {
        var complaints = new List<string>();
        var file = ProviderFile.Read(yaml, FileName, overrides ?? NoOverrides, complaints.Add);
        Assert.Empty(complaints);
        return file!;
    }

    public static IReadOnlyList<string> Complaints(string yaml, ProviderOverrides? overrides = null)
    {
        var complaints = new List<string>();
        var file = ProviderFile.Read(yaml, FileName, overrides ?? NoOverrides, complaints.Add);
        Assert.Equal(complaints.Count > 0, file is null);
        return complaints;
    }

    /// <summary>A whole file with one provider that allows everything, and further lines of its section.</summary>
    public static string FileWith(string lines)
    {
        var indented = string.Concat(lines.Split('\n').Select(static line => $"    {line}\n"));
        return $$"""
            apis:
              some:
                base_url: https://api.some.test
                allowed_endpoints: ["/*"]
                allowed_methods: [GET, POST]
            {{indented}}
            """;
    }

    public static ProviderTable Table(string yaml, string byDefault)
    {
        var providers = File(yaml).Providers;
        return new ProviderTable(providers, providers.Single(provider => provider.Name == byDefault));
    }

    public static RequestTarget Target(string raw)
    {
        Assert.True(RequestTarget.TryParse(raw, out var target), raw);
        return target;
    }

    public static HttpRequest Request(string method = "POST", params (string Name, string Value)[] headers)
    {
        var request = new DefaultHttpContext().Request;
        request.Method = method;
        foreach (var (name, value) in headers)
        {
            request.Headers.Append(name, value);
        }

        return request;
    }

    public static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    public static ReadOnlySequence<byte> Body(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>The same bytes in pieces, as they come from a socket.</summary>
    public static ReadOnlySequence<byte> BodyInPieces(byte[] bytes, int size)
    {
        var first = new Piece(bytes.AsMemory(0, Math.Min(size, bytes.Length)), 0);
        var last = first;
        for (var at = size; at < bytes.Length; at += size)
        {
            last = last.Then(bytes.AsMemory(at, Math.Min(size, bytes.Length - at)));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long runningIndex) => (Memory, RunningIndex) = (memory, runningIndex);

        public Piece Then(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
