<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>netpas::ui::BackupPage</name>
    <message numerus="yes">
        <source>%n purchases</source>
        <translation>
            <numerusform>%n purchase</numerusform>
            <numerusform>%n purchases</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n of them were not settled then: the ISP is asked about them before anything else.</source>
        <translation>
            <numerusform>%n of them was not settled then: the ISP is asked about it before anything else.</numerusform>
            <numerusform>%n of them were not settled then: the ISP is asked about them before anything else.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>netpas::ui::PaymentsPage</name>
    <message numerus="yes">
        <source>%n payments</source>
        <translation>
            <numerusform>%n payment</numerusform>
            <numerusform>%n payments</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>netpas::ui::PromptsPage</name>
    <message numerus="yes">
        <source>%n times</source>
        <translation>
            <numerusform>once</numerusform>
            <numerusform>%n times</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>netpas::ui::SpendingPlot</name>
    <message numerus="yes">
        <source>%n others</source>
        <translation>
            <numerusform>%n other</numerusform>
            <numerusform>%n others</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>netpas::ui::Tray</name>
    <message numerus="yes">
        <source>%n questions wait</source>
        <translation>
            <numerusform>%n question waits</numerusform>
            <numerusform>%n questions wait</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n &amp;questions…</source>
        <translation>
            <numerusform>%n &amp;question…</numerusform>
            <numerusform>%n &amp;questions…</numerusform>
        </translation>
    </message>
</context>
</TS>
