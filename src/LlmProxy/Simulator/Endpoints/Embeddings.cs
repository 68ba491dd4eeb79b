using System.Runtime.InteropServices;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/embeddings</c>: unit vectors that follow from the text.</summary>
internal static class Embeddings
{
    private const int DimensionsOfLarge = 3072;
    private const int DimensionsOfOthers = 1536;
    private const int InputsMax = 2048;

    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var request = Read(body.Root, call.Faults, out var error);
        if (error is not null)
        {
            await call.RefuseAsync(error);
            return;
        }

        call.Charge(request.Model, request.Usage);
        await call.SendJsonAsync(request, WriteWhole);
    }

    /// <summary>The whole answer to a request that lies in a batch; the error when it is not one.</summary>
    public static ApiError? Write(Utf8JsonWriter json, JsonElement root)
    {
        var request = Read(root, Faults.None, out var error);
        if (error is null)
        {
            WriteWhole(json, request);
        }

        return error;
    }

    private static Request Read(JsonElement root, Faults faults, out ApiError? error)
    {
        var fields = new Fields(root);
        var model = fields.RequiredText("model");
        var dimensions = fields.Integer("dimensions", 1, DimensionsOfLarge)
            ?? (model.EndsWith("-large", StringComparison.Ordinal) ? DimensionsOfLarge : DimensionsOfOthers);
        var inputs = InputsIn(fields.Required("input"));
        var format = fields.Text("encoding_format") ?? "float";
        error = fields.Error
            ?? (inputs.Count is 0 or > InputsMax ? ApiError.InvalidValue("input", $"up to {InputsMax} inputs") : null)
            ?? (format is "float" or "base64" ? null : ApiError.InvalidValue("encoding_format", "float or base64"));
        var usage = faults.Usage.Of(new WordUsage(inputs.Sum(static input => (long)input.Tokens), 0));
        return new(model, inputs, dimensions, format == "base64", usage);
    }

    /// <summary>Each input as a text, and what it counts: words of a text, members of a list of tokens.</summary>
    private static List<(string Text, int Tokens)> InputsIn(JsonElement input)
    {
        if (input.ValueKind != JsonValueKind.Array)
        {
            return input.ValueKind == JsonValueKind.String ? [InputOf(input)] : [];
        }

        var isOneListOfTokens = input.GetArrayLength() > 0 && input[0].ValueKind == JsonValueKind.Number;
        return isOneListOfTokens ? [InputOf(input)] : [.. input.EnumerateArray().Select(InputOf)];
    }

    private static (string Text, int Tokens) InputOf(JsonElement input) => input.ValueKind == JsonValueKind.Array
        ? (input.GetRawText(), input.GetArrayLength())
        : (input.ToString(), Words.Count(input.ToString()));

    private static void WriteWhole(Utf8JsonWriter json, Request request)
    {
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        for (var index = 0; index < request.Inputs.Count; index++)
        {
            json.WriteStartObject();
            json.WriteString("object"u8, "embedding"u8);
            json.WriteNumber("index"u8, index);
            WriteVector(json, VectorOf(request.Inputs[index].Text, request.Dimensions), request.AsBase64);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("model"u8, request.Model);
        request.Usage.WriteForInputOnly(json);
        json.WriteEndObject();
    }

    private static void WriteVector(Utf8JsonWriter json, float[] vector, bool asBase64)
    {
        if (asBase64)
        {
            json.WriteBase64String("embedding"u8, MemoryMarshal.AsBytes(vector.AsSpan()));
            return;
        }

        json.WriteStartArray("embedding"u8);
        foreach (var value in vector)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static float[] VectorOf(string text, int dimensions)
    {
        var seed = Seed.Of(text);
        var vector = new float[dimensions];
        var squares = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            // The upper 24 bits, as a number from -1 to 1.
            vector[i] = ((seed.Next() >> 40) / (float)(1 << 23)) - 1;
            squares += vector[i] * vector[i];
        }

        var length = (float)Math.Sqrt(squares);
        for (var i = 0; i < dimensions; i++)
        {
            vector[i] /= length;
        }

        return vector;
    }

    private sealed record Request(
        string Model,
        List<(string Text, int Tokens)> Inputs,
        int Dimensions,
        bool AsBase64,
        WordUsage Usage);
}
